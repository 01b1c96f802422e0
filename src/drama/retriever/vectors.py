"""Vectors outside the model: matrices in memory or on disk, and the one place that truncates them.

Legend: N vectors, D dimensions.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from drama.errors import DramaError

Array = npt.NDArray[np.float32]


class Blocks:
    """Rows [N, D] in parts, each in memory or read from disk on every pass.

    >>> blocks = Blocks([np.array([[1.0]]), lambda: np.array([[2.0]])])
    >>> [(ids, part.tolist()) for ids, part in blocks.with_ids(["a", "b"])]
    [(['a'], [[1.0]]), (['b'], [[2.0]])]
    """

    def __init__(self, blocks: Sequence[Array | Callable[[], Array]]) -> None:
        self._blocks = blocks

    def parts(self) -> Iterator[Array]:
        """All rows in order, part by part."""
        return (block() if callable(block) else block for block in self._blocks)

    def with_ids(self, ids: Iterable[str]) -> Iterator[tuple[list[str], Array]]:
        """Each part with its rows' ids."""
        names = iter(ids)
        return ((list(islice(names, len(part_ND))), part_ND) for part_ND in self.parts())

    def loaded(self) -> "Blocks":
        """The same in memory, for a machine that can't read the files."""
        return Blocks(list(self.parts()))


def check_dim(name: str, dim: int | None, dims: Sequence[int]) -> int:
    """The width to cut to; None is the full width, the first of `dims`.

    Raises:
        DramaError: the model was not trained at this width.
    """
    if dim is not None and dim not in dims:
        raise DramaError(f"{name}: not trained at {dim} dimensions", hint=f"trained at {list(dims)}")
    return dims[0] if dim is None else dim


def truncate(vectors_ND: npt.NDArray[Any], dim: int | None) -> Array:
    """Matryoshka truncation: the first `dim` dimensions, renormalised. None keeps all.

    >>> truncate(np.array([[3.0, 4.0, 12.0]]), 2).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    cut_ND = np.asarray(vectors_ND, dtype=np.float32)[:, :dim]
    norm_N1 = np.linalg.norm(cut_ND, axis=1, keepdims=True)
    result: Array = cut_ND / np.maximum(norm_N1, 1e-12)
    return result
