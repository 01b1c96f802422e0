"""What LLMs put around an answer: Markdown fences, JSON, numbers, bullets, quotation marks, emphasis.

An answer is taken out of these, whatever the prompt; what does not fit together stays as it is.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

_FENCE = re.compile(r"^[ \t]*(?:```|~~~)[ \t]*[\w+-]*[ \t]*$", re.MULTILINE)
_OBJECT = re.compile(r"^[ \t]*\{", re.MULTILINE)
_PAIRS = (
    ('"', '"'), ("“", "”"), ("„", "“"), ("„", "”"), ("«", "»"), ("»", "«"), ("「", "」"), ("『", "』"),
    ("‘", "’"), ("'", "'"), ("**", "**"), ("*", "*"), ("__", "__"), ("```", "```"), ("`", "`"),
)  # fmt: skip
_BULLET = re.compile(r"[-*•–>#]+\s+(?=\S)")
_NUMBER = re.compile(r"(\d{1,2})(?:([.])|[)])\s+(?=\S)")
_LEAKED_END = re.compile(r"(?<=\S)(?:<\|\w+\|>|</s>|<end_of_turn>)+$")
_DOT_ORDINALS = frozenset(
    ["cs", "da", "de", "et", "fi", "hr", "hu", "is", "lv", "nb", "nn", "no", "pl", "sk", "sl", "sr", "tr"]
)
"""Languages in which `1.` before a noun may be an ordinal."""


def without_fences(answer: str) -> str:
    """An answer without the lines that are nothing but a Markdown fence.

    >>> without_fences("```text\\nhow do wings lift\\n```")
    'how do wings lift'
    """
    return _FENCE.sub("", answer).strip() if _FENCE.search(answer) else answer


def from_json(answer: str, labels: Sequence[str]) -> str | None:
    """An answer in JSON as labelled lines; any other answer as it is. None: JSON without a value of these
    labels.

    >>> from_json('{"query": "how do wings lift"}', ["Query"]), from_json('["a b", "c d"]', ["Query"])
    ('Query: how do wings lift', 'a b')
    >>> from_json("how do wings lift", ["Query"]), from_json('{"thought": "wings"}', ["Query"])
    ('how do wings lift', None)
    """
    text = answer.strip()
    begin = _OBJECT.search(text)
    if text.startswith(("[", '"')):
        try:
            return _lines(json.loads(text), labels)
        except (ValueError, RecursionError):
            return None if re.match(r"\[\s*[{\"]", text) else answer
    if begin is None or not (begin.start() == 0 or text[: begin.start()].rstrip().endswith((":", "："))):
        return answer
    try:
        value, _ = json.JSONDecoder().raw_decode(text[begin.end() - 1 :])
    except (ValueError, RecursionError):
        return None
    return _lines(value, labels) if value else answer  # {} is JSON of nothing: a query about Python


def _lines(value: Any, labels: Sequence[str]) -> str | None:
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return value
    if not isinstance(value, Mapping):
        return None
    by_name = {label.lower(): label for label in labels}
    lines = []
    for key, inside in value.items():
        label = by_name.get(re.sub(r"[\s_-]+", " ", str(key)).strip().lower())
        if isinstance(inside, list) and all(isinstance(each, str) for each in inside):
            inside = " ".join(inside) if label in ("keyword", "keywords") else next(iter(inside), "")
        if label is not None and isinstance(inside, str | int | float):
            lines.append(f"{label}: {' '.join(str(inside).split())}")
    return "\n".join(lines) or None


def bare(line: str, lang: str = "", following: str = "") -> str:
    """One line of an answer without a number, bullet, quotation marks or emphasis around it.

    >>> bare('- **"how do wings lift"**'), bare("1. how do wings lift"), bare("1. Weltkrieg Beginn", "de")
    ('how do wings lift', 'how do wings lift', '1. Weltkrieg Beginn')
    >>> bare('who said "I have a dream"'), bare('"I have a dream" or "free at last"')
    ('who said "I have a dream"', '"I have a dream" or "free at last"')

    Args:
        line: of the answer.
        lang: its language, where that is known.
        following: the next line, whose number shows that this one's is a number of a list.
    """
    before = None
    while before != line:
        before = line
        line = _LEAKED_END.sub("", line.strip())
        if bullet := _BULLET.match(line):
            line = line[bullet.end() :]
        elif (number := _NUMBER.match(line)) and _of_list(number, line, lang, following):
            line = line[number.end() :]
        line = _without_pair(line)
    return line


def _of_list(number: re.Match[str], line: str, lang: str, following: str) -> bool:
    after = _NUMBER.match(following.strip())
    if after is not None and int(after[1]) == int(number[1]) + 1:
        return True
    if int(number[1]) != 1:
        return False
    ordinal = number[2] is not None and lang in _DOT_ORDINALS and line[number.end()].isupper()
    return not ordinal


def _without_pair(line: str) -> str:
    """Without marks around the whole line; marks around parts of it stay."""
    for begin, end in _PAIRS:
        inner = line[len(begin) : -len(end)]
        if len(line) > len(begin) + len(end) and line.startswith(begin) and line.endswith(end):
            # A mark inside that closes something must have been opened inside.
            first = inner.find(end)
            opened = inner.find(begin) if begin != end else first
            if first < 0 or (0 <= opened <= first and (begin != end or inner[:first][-1:] in ("", " ", "("))):
                return inner.strip()
    for mark in ('"', "“", "„", "”", "*"):  # one that was never closed, or never opened
        if line.count(mark) == 1 and not any(other in line for other in "“”„" if other != mark):
            if line.startswith(mark):
                return line[1:].strip()
            if line.endswith(mark) and not line[:-1][-1:].isdigit():  # 27" is a size
                return line[:-1].strip()
    return line
