"""Labelled lines: the one parser of answers in which an LLM writes `Query: …`.

Labels are read alike everywhere: in any case, with a colon or a full-width one, with Markdown marks around
them (`**Query:**`, `# Query:`), after a number or a bullet, and inside a fence or JSON.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from drama.augment.prompts.around import from_json, without_fences


class LabelledText(NamedTuple):
    """One label and the text after it, up to the next label."""

    label: str
    """As it is spelt in the list of labels."""
    text: str
    """As it was written, with white space."""
    plain: bool
    """Whether the line begins with the label as requested, without marks or another spelling."""


def opened(answer: str, labels: Sequence[str]) -> str | None:
    r"""An answer out of its Markdown fences, and out of JSON, whose keys become labels. None: JSON that holds
    none of them, or that is broken.

    >>> opened('```json\n{"query": "how do wings lift"}\n```', ["Query"])
    'Query: how do wings lift'
    """
    return from_json(without_fences(answer), labels)


def labelled_lines(answer: str, labels: Sequence[str]) -> tuple[str, list[LabelledText]]:
    """What is before the first label, and an entry for each line that begins with one of them.

    >>> labelled_lines("Sure!\\nTask: find pages\\n**Query:** why is rain wet", ["Task", "Query"])[1][1]
    LabelledText(label='Query', text=' why is rain wet', plain=False)
    >>> [part.text for part in labelled_lines("query：雨\\nQuery: tea", ["Query"])[1]]
    ['雨\\n', ' tea']
    """
    answer = "\n".join(answer.splitlines())
    found = list(_pattern(tuple(labels)).finditer(answer))
    parts = []
    for number, match in enumerate(found):
        end = found[number + 1].start() if number + 1 < len(found) else len(answer)
        label = labels[(match.lastindex or 1) - 1]
        parts.append(LabelledText(label, answer[match.end() : end], match[0] == f"{label}:"))
    return answer[: found[0].start()] if found else answer, parts


@lru_cache
def _pattern(labels: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(f"({re.escape(label)})" for label in labels)
    before = r"(?:[*#>_•–\-\"“ \t]|\d{1,2}[.)](?=\s))*"
    after = r"[*_\"”]*[ \t]*[:：﹕][*_]*"
    return re.compile(rf"^{before}(?:{names}){after}", re.IGNORECASE | re.MULTILINE)
