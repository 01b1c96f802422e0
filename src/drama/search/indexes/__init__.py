"""Kinds of index. A new kind is a file with a class of the form `VectorIndex`, and a line in `KINDS`."""

from pathlib import Path
from typing import Protocol, Self

import numpy as np
import numpy.typing as npt

from drama.search.indexes.exact import ExactIndex, Nearest


class VectorIndex(Protocol):
    """Documents' vectors in the folder of an index, ready for queries.

    The vectors are in `folder/vectors` (see `drama.workspace.vectors`) and stay there. A kind keeps what else
    it needs, such as a graph or centroids, in its own files in `folder`.
    """

    @classmethod
    def build(cls, folder: Path) -> None:
        """Write these files."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open what `build` wrote."""

    def __len__(self) -> int:
        """Number of documents."""

    def map_all(self) -> None:
        """Open all files now, and check them."""

    def search(self, queries_QD: npt.NDArray[np.float32], k: int) -> list[Nearest]:
        """The k best documents of each query by their rows in `folder/vectors`, in the order of
        `drama.records.rank`; a vector of zeros finds nothing and is never found."""


KINDS: dict[str, type[VectorIndex]] = {"exact": ExactIndex}
"""Name in settings, on the command line and in `index.json` → class."""
