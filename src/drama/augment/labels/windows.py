"""Rank windows: which part of a ranking is positive, which is hard negative."""

from typing import NamedTuple

FULL_SCALE = 100_000
"""Documents from which on the windows are used as given."""


class Windows(NamedTuple):
    """First and last rank, both included, counted from 1. None: no ranks are positives, or none are left."""

    positives: tuple[int, int] | None
    negatives: tuple[int, int] | None


def scale_windows(
    positives: tuple[int, int] | None,
    negatives: tuple[int, int],
    documents: int,
    depth: int,
    scale: bool,
) -> Windows:
    """The windows for a corpus of this size.

    The paper's ranks (1–10, 30–50) are for 25 million documents, where rank 30 is still on the topic. In a
    corpus of N < 100,000 every rank is multiplied by (N / 100,000) ** 0.25, positives keep at least rank 1,
    negatives start behind the last positive and end within the list. [A choice of ours, not the paper's.]

    >>> scale_windows((1, 10), (30, 50), documents=25_000_000, depth=50, scale=True)
    Windows(positives=(1, 10), negatives=(30, 50))
    >>> scale_windows((1, 10), (30, 50), documents=2_000, depth=50, scale=True)
    Windows(positives=(1, 3), negatives=(11, 18))
    """
    factor = min(1.0, (documents / FULL_SCALE) ** 0.25) if scale else 1.0
    end = min(depth, documents)
    last, of_positives = 0, None
    if positives is not None:
        first = min(max(1, int(positives[0] * factor)), end)
        last = min(max(first, int(positives[1] * factor)), end)
        of_positives = first, last
    low = max(last + 1, int(negatives[0] * factor))
    high = min(end, max(low, int(negatives[1] * factor)))
    return Windows(of_positives, (low, high) if low <= high else None)
