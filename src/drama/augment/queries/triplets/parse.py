"""The answer of a triplet prompt becomes a typed outcome."""

import re
from typing import NamedTuple

from drama.language import count_words, surely_another_language

PARTS = ("task", "query", "positive", "negative")
_BEGINS = re.compile(r"^[*# ]*(task|query|positive|negative)\**\s*:\**", re.IGNORECASE | re.MULTILINE)
_SHORTEST_PASSAGE = 8
_LONGEST_QUERY = 40


class Parts(NamedTuple):
    """What stands in an answer."""

    task: str
    query: str
    positive: str
    negative: str


def parse_triplet(answer: str, lang: str, check: bool = True) -> tuple[Parts | None, str]:
    """(parts, outcome) of an LLM's answer.

    Outcomes: `ok`; `repaired` (marks around the names of the parts, or words before the first one, were
    taken off); `missing part`; `parts repeated or out of order`; `query too long` (over 40 words);
    `passage too short` (under 8); `copied` (the query stands in the positive word for word, or both passages
    are the same); `wrong language` (see `surely_another_language`; of any part but the task).

    Args:
        answer: as it was given.
        lang: the language that was asked for.
        check: whether the language is looked at.

    >>> passage = "Leaves are rolled and dried at once, so that they keep their colour."
    >>> answer = f"Task: Find out.\\nQuery: making green tea\\nPositive: {passage}\\nNegative: No. {passage}"
    >>> parts, outcome = parse_triplet(answer, "en")
    >>> parts.query, outcome
    ('making green tea', 'ok')
    >>> parse_triplet("Query: making green tea", "en")
    (None, 'missing part')
    """
    found = list(_BEGINS.finditer(answer))
    names = [match[1].lower() for match in found]
    ends = [*(match.start() for match in found[1:]), len(answer)]
    texts = [
        " ".join(answer[match.end() : end].split()).strip('"“”*')
        for match, end in zip(found, ends, strict=False)
    ]
    given = dict(zip(names, texts, strict=True))
    if not all(given.get(name) for name in PARTS):
        return None, "missing part"
    if names != [*PARTS]:
        return None, "parts repeated or out of order"
    parts = Parts(*texts)
    problem = _problem(parts, lang, check)
    if problem:
        return None, problem
    plain = not answer[: found[0].start()].strip() and all(
        match[0].rstrip() == f"{name.capitalize()}:" for match, name in zip(found, PARTS, strict=True)
    )
    return parts, "ok" if plain else "repaired"


def _problem(parts: Parts, lang: str, check: bool) -> str:
    if count_words(parts.query) > _LONGEST_QUERY:
        return "query too long"
    if min(count_words(parts.positive), count_words(parts.negative)) < _SHORTEST_PASSAGE:
        return "passage too short"
    query, positive, negative = map(_plain, parts[1:])
    if positive == negative or (count_words(parts.query) >= 3 and query in positive):
        return "copied"
    if check and any(surely_another_language(text, lang) for text in parts[1:]):
        return "wrong language"
    return ""


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))
