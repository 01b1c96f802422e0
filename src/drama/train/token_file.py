"""Token ids of many texts in a memory-mapped file: a step reads what it needs, the rest stays on disk."""

import tempfile
from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt


class TokenFile(Mapping[str, list[int]]):
    """Token ids by the text's id. First `add` all texts, then look up.

    Args:
        folder: holds the file, which has no name there and ends with the process.

    >>> tokens = TokenFile(Path("."))
    >>> tokens.add(["a", "b"], [[1, 5, 2], [1, 2]])
    >>> tokens["a"], tokens["b"], len(tokens)
    ([1, 5, 2], [1, 2], 2)
    """

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - it lives as long as this object
        self._rows: dict[str, int] = {}
        self._ends = array("q", [0])
        self._flat: npt.NDArray[np.int32] | None = None

    def add(self, ids: Sequence[str], tokens: Sequence[Sequence[int]]) -> None:
        """Append texts; an id that is there already is replaced."""
        for identity, each in zip(ids, tokens, strict=True):
            self._rows[identity] = len(self._ends) - 1
            self._ends.append(self._ends[-1] + len(each))
        np.fromiter(chain.from_iterable(tokens), dtype=np.int32).tofile(self._file)
        self._flat = None

    def __getitem__(self, identity: str) -> list[int]:
        """The token ids of a text."""
        row = self._rows[identity]
        if self._flat is None:
            self._file.flush()
            self._flat = np.memmap(self._file, dtype=np.int32, mode="r")
        found: list[int] = self._flat[self._ends[row] : self._ends[row + 1]].tolist()
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)
