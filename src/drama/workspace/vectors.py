"""Vectors on disk: shards of one width, each with its ids, written whole or not at all.

A folder holds `vectors.json` (width, type, how they were made), and for each shard `00000.npy` [N, D] with
`00000.ids.json` (N ids). A shard is complete when both files exist; the id file is written last. Shards are
memory-mapped on reading, so the vectors may be larger than memory.

Legend: N vectors, D dimensions.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drama.errors import FileError
from drama.files import atomic_file, fingerprint, write_json

Array = npt.NDArray[Any]
_INFO = "vectors.json"


class VectorWriter:
    """Writes shards in order.

    Args:
        folder: where the shards go.
        dim: width D.
        dtype: `float32` or `float16`.
        made_by: model, prefix, length and the like; a folder with other values is refused.

    Raises:
        FileError: the folder holds vectors that were made differently.
    """

    def __init__(self, folder: Path, dim: int, dtype: str, made_by: dict[str, Any]) -> None:
        self.folder = folder
        self.dim = dim
        self.dtype = np.dtype(dtype)
        folder.mkdir(parents=True, exist_ok=True)
        info = {"dim": dim, "dtype": self.dtype.name, "made_by": made_by, "mark": fingerprint(made_by)}
        path = folder / _INFO
        if path.is_file():
            old = json.loads(path.read_text(encoding="utf-8"))
            if (old["dim"], old["dtype"], old["mark"]) != (dim, self.dtype.name, info["mark"]):
                raise FileError(
                    folder,
                    "holds vectors that were made with another model or other settings",
                    hint="name another output folder, or remove this one",
                )
        else:
            write_json(path, info)

    def has(self, shard: int) -> bool:
        """True if this shard is complete."""
        return _ids_file(self.folder, shard).is_file() and _vectors_file(self.folder, shard).is_file()

    def write(self, shard: int, ids: list[str], vectors_ND: Array) -> None:
        """Write one shard: vectors first, ids last, each by rename.

        Raises:
            ValueError: the shapes do not fit.
        """
        if vectors_ND.shape != (len(ids), self.dim):
            raise ValueError(f"expected {(len(ids), self.dim)}, got {vectors_ND.shape}")
        with atomic_file(_vectors_file(self.folder, shard)) as partial, partial.open("wb") as handle:
            np.save(handle, vectors_ND.astype(self.dtype))
        write_json(_ids_file(self.folder, shard), ids)

    def drop_after(self, shard: int) -> None:
        """Remove the shards after this one: they are left over from a larger corpus."""
        for path in self.folder.glob("*.ids.json"):
            old = int(path.name.split(".")[0])
            if old > shard:
                path.unlink()
                _vectors_file(self.folder, old).unlink(missing_ok=True)


class VectorReader:
    """Read the shards of a folder in order, memory-mapped.

    Raises:
        FileError: no vectors, or a shard's ids and vectors do not match.
    """

    def __init__(self, folder: Path) -> None:
        path = folder / _INFO
        if not path.is_file():
            raise FileError(folder, "holds no vectors", hint="make them with `drama encode`")
        info = json.loads(path.read_text(encoding="utf-8"))
        self.dim: int = info["dim"]
        self._shards: list[tuple[list[str], Array]] = []
        for ids_file in sorted(folder.glob("*.ids.json")):
            shard = int(ids_file.name.split(".")[0])
            ids: list[str] = json.loads(ids_file.read_text(encoding="utf-8"))
            try:
                vectors_ND: Array = np.load(_vectors_file(folder, shard), mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise FileError(
                    _vectors_file(folder, shard), f"can't be read ({error})", hint="remove it; encode again"
                ) from None
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


def _vectors_file(folder: Path, shard: int) -> Path:
    return folder / f"{shard:05d}.npy"


def _ids_file(folder: Path, shard: int) -> Path:
    return folder / f"{shard:05d}.ids.json"
