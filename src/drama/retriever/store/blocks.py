"""A matrix that stays on disk."""

from collections.abc import Callable, Iterator, Sequence

from drama.retriever.vectors import Array


class Blocks:
    """Rows [N, D] in parts, each in memory or read from disk on every pass.

    >>> import numpy as np
    >>> [part.tolist() for part in Blocks([np.array([[1.0]]), lambda: np.array([[2.0]])]).parts()]
    [[[1.0]], [[2.0]]]
    """

    def __init__(self, blocks: Sequence[Array | Callable[[], Array]]) -> None:
        self._blocks = blocks

    def parts(self) -> Iterator[Array]:
        """All rows in order, part by part."""
        return map(_loaded, self._blocks)

    def loaded(self) -> "Blocks":
        """The same in memory, for a machine that can't read the files."""
        return Blocks(list(self.parts()))


def _loaded(block: Array | Callable[[], Array]) -> Array:
    return block() if callable(block) else block
