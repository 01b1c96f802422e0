"""Vectors on disk: shards of one width, each with its ids.

A folder holds `vectors.json` (the width), and for each shard `00000.npy` [N, D] and `00000.ids.json`. Shards
are memory-mapped on reading, so the vectors may be larger than memory.

Legend: N vectors, D dimensions.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drama.errors import FileError
from drama.files import atomic_folder, read_json, write_json

Array = npt.NDArray[Any]
_INFO = "vectors.json"
_IDS = ".ids.json"


def write_vectors(folder: Path, dim: int, dtype: str, shards: Iterable[tuple[Sequence[str], Array]]) -> None:
    """Write (ids, vectors [N, D]) shard by shard; the folder is replaced when all are on disk.

    Args:
        folder: where the shards go.
        dim: width D.
        dtype: `float32` or `float16`.
        shards: taken one at a time.

    Raises:
        ValueError: a shard's shape is not (its number of ids, `dim`).
    """
    with atomic_folder(folder) as partial:
        write_json(partial / _INFO, {"dim": dim})
        for number, (ids, vectors_ND) in enumerate(shards):
            if vectors_ND.shape != (len(ids), dim):
                raise ValueError(f"expected {(len(ids), dim)}, got {vectors_ND.shape}")
            np.save(partial / f"{number:05d}.npy", vectors_ND.astype(dtype))
            write_json(partial / f"{number:05d}{_IDS}", list(ids))


class VectorReader:
    """Read the shards of a folder in order, memory-mapped.

    Raises:
        FileError: no vectors, or a shard's ids and vectors do not match.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / _INFO
        if not path.is_file():
            raise FileError(folder, "holds no vectors", hint="make them with `drama encode`")
        info = read_json(path)
        self.dim: int = info["dim"]
        self._shards: list[tuple[list[str], Array]] = []
        for ids_file in sorted(folder.glob(f"*{_IDS}")):
            file = folder / ids_file.name.replace(_IDS, ".npy")
            ids: list[str] = read_json(ids_file)
            try:
                vectors_ND: Array = np.load(file, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise FileError(file, f"can't be read ({error})", hint="encode again") from None
            if vectors_ND.shape != (len(ids), self.dim):
                raise FileError(ids_file, f"{len(ids)} ids, but vectors of shape {vectors_ND.shape}")
            self._shards.append((ids, vectors_ND))

    def __len__(self) -> int:
        return sum(len(ids) for ids, _ in self._shards)

    def shards(self) -> Iterator[tuple[list[str], Array]]:
        """Yield (ids, vectors [N, D]) for each shard."""
        yield from self._shards

    def load(self) -> tuple[list[str], Array]:
        """All ids and all vectors [N, D] float32 in memory."""
        ids = [i for shard, _ in self._shards for i in shard]
        if not self._shards:
            return ids, np.zeros((0, self.dim), dtype=np.float32)
        return ids, np.concatenate([v.astype(np.float32) for _, v in self._shards])
