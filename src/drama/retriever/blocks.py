"""A matrix that stays on disk."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from drama.retriever.pooling import Array

_TOGETHER = 16


class Blocks:
    """Rows [N, D] in blocks, each a .npy file or in memory; read as often as wanted, a few at a time.

    >>> [part.tolist() for part in Blocks([np.array([[1.0]]), np.array([[2.0]])]).parts()]
    [[[1.0], [2.0]]]
    """

    def __init__(self, blocks: Sequence[Path | Array]) -> None:
        self._blocks = blocks

    def parts(self) -> Iterator[Array]:
        """All rows in order, 16 blocks at a time."""
        for first in range(0, len(self._blocks), _TOGETHER):
            yield np.concatenate([_loaded(block) for block in self._blocks[first : first + _TOGETHER]])

    def loaded(self) -> "Blocks":
        """The same in memory, to be sent where the files are not."""
        return Blocks([_loaded(block) for block in self._blocks])


def _loaded(block: Path | Array) -> Array:
    return np.load(block, allow_pickle=False) if isinstance(block, Path) else block
