"""Shuffled order: one permutation of the rows after another, of which any part can be computed alone."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt


def consecutive(total: int, size: int, seed: Sequence[int], index: int) -> list[int]:
    """The rows of one of several consecutive batches; no row is in a batch twice.

    >>> sorted(consecutive(6, 3, [0], 0) + consecutive(6, 3, [0], 1))
    [0, 1, 2, 3, 4, 5]
    """
    size = min(size, total)
    return stretch(total, index * size, size, 0 if total % size == 0 else size, seed)


def stretch(total: int, first: int, count: int, longest: int, seed: Sequence[int]) -> list[int]:
    """The rows at `count` places from `first` on, all different.

    Args:
        total: number of rows.
        first: the first place, from 0.
        count: number of places.
        longest: the longest stretch ever requested of this order; 0 where none crosses the end of a pass.
        seed: for the permutations.
    """
    rows: list[int] = []
    while len(rows) < count:
        epoch, offset = divmod(first + len(rows), total)
        order = _pass(total, epoch, longest, seed)
        rows += order[offset : offset + count - len(rows)].tolist()
    return rows


def _pass(total: int, epoch: int, longest: int, seed: Sequence[int]) -> npt.NDArray[np.int64]:
    """The rows of one pass; where a stretch crosses its beginning, rows of the previous tail come later."""
    near = longest - 1
    if longest and total < 3 * longest:
        return _permutation(total, (*seed, 0))  # the same order in every pass: neighbours never repeat
    order = _permutation(total, (*seed, epoch))
    if near <= 0 or epoch == 0:
        return order
    head = order[: 2 * near]
    late = np.isin(head, _permutation(total, (*seed, epoch - 1))[-near:])
    return np.concatenate([head[~late], head[late], order[2 * near :]])


@lru_cache(maxsize=8)
def _permutation(total: int, seed: tuple[int, ...]) -> npt.NDArray[np.int64]:
    return np.random.default_rng(seed).permutation(total)
