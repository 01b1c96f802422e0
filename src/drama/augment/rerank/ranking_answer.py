"""The answer of a listwise prompt becomes a typed outcome; nothing is repaired."""

import re

from drama.augment.rerank.reranker import OK
from drama.augment.rerank.sliding import WindowOrder

_RANKING = re.compile(r"\[\d+\](\s*>\s*\[\d+\])*", re.ASCII)


def parse_ranking(answer: str, size: int) -> WindowOrder:
    """The order of a window of `size` texts, by an answer like `[2] > [1] > [3]`.

    Outcomes: `ok`; `not a ranking` (anything but identifiers and `>`); `foreign identifiers` (outside
    1…size); `repeated identifiers`; `missing identifiers`. All but `ok` leave the window as it was.

    >>> parse_ranking("[2] > [1] > [3]", 3)
    WindowOrder(order=[1, 0, 2], outcome='ok', answer='[2] > [1] > [3]')
    >>> [parse_ranking(a, 2).outcome for a in ("[1]", "[1] > [1]", "[3] > [1]", "I like [1] > [2]")]
    ['missing identifiers', 'repeated identifiers', 'foreign identifiers', 'not a ranking']
    """
    kept = list(range(size))
    text = answer.strip()
    if not _RANKING.fullmatch(text):
        return WindowOrder(kept, "not a ranking", answer)
    # Six digits are more than any window has; longer ones are cut so that int() takes them.
    order = [int(number[:6]) - 1 for number in re.findall(r"\d+", text)]
    if any(not 0 <= i < size for i in order):
        return WindowOrder(kept, "foreign identifiers", answer)
    if len({*order}) < len(order):
        return WindowOrder(kept, "repeated identifiers", answer)
    if len(order) < size:
        return WindowOrder(kept, "missing identifiers", answer)
    return WindowOrder(order, OK, answer)
