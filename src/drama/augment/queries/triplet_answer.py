"""The answer of a triplet prompt becomes a typed outcome."""

from typing import NamedTuple

from drama.augment.prompts.labelled import labelled_lines
from drama.language import count_words, plain_text, surely_another_language

_LABELS = ("Task", "Query", "Positive", "Negative")
_SHORTEST_PASSAGE = 8
_LONGEST_QUERY = 40


class Parts(NamedTuple):
    """The parts of an answer."""

    task: str
    query: str
    positive: str
    negative: str


def parse_triplet(answer: str, lang: str, check: bool = True) -> tuple[Parts | None, str]:
    """(parts, outcome) of an LLM's answer.

    Outcomes: `ok`; `repaired` (marks around the names of the parts, or words before the first one, were
    taken off); `missing part`; `parts repeated or out of order`; `query too long` (over 40 words);
    `passage too short` (under 8); `copied` (the positive quotes the query word for word, or both passages
    are the same); `wrong language` (see `surely_another_language`; of any part but the task).

    Args:
        answer: as it was given.
        lang: the requested language.
        check: whether to check the language.

    >>> passage = "Leaves are rolled and dried at once, so that they keep their colour."
    >>> answer = f"Task: Find out.\\nQuery: making green tea\\nPositive: {passage}\\nNegative: No. {passage}"
    >>> parts, outcome = parse_triplet(answer, "en")
    >>> parts.query, outcome
    ('making green tea', 'ok')
    >>> parse_triplet("Query: making green tea", "en")
    (None, 'missing part')
    """
    before, found = labelled_lines(answer, _LABELS)
    texts = [" ".join(part.text.split()).strip('"“”*') for part in found]
    labels = tuple(part.label for part in found)
    given = dict(zip(labels, texts, strict=True))
    if not all(given.get(label) for label in _LABELS):
        return None, "missing part"
    if labels != _LABELS:
        return None, "parts repeated or out of order"
    parts = Parts(*texts)
    problem = _problem(parts, lang, check)
    if problem:
        return None, problem
    plain = not before.strip() and all(part.plain for part in found)
    return parts, "ok" if plain else "repaired"


def _problem(parts: Parts, lang: str, check: bool) -> str:
    if count_words(parts.query) > _LONGEST_QUERY:
        return "query too long"
    if min(count_words(parts.positive), count_words(parts.negative)) < _SHORTEST_PASSAGE:
        return "passage too short"
    query, positive, negative = map(plain_text, parts[1:])
    if positive == negative or (count_words(parts.query) >= 3 and query in positive):
        return "copied"
    if check and any(surely_another_language(text, lang) for text in parts[1:]):
        return "wrong language"
    return ""
