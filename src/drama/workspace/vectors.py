"""Vectors on disk: shards of one width, each with its ids.

A folder holds for each shard `00000.npy` [N, D] and `00000.ids.json`, and `vectors.json`: the width, and each
shard's rows and checksums. A shard is memory-mapped when it is used, and only some at a time, so there may be
more vectors than memory and more shards than a process may open files. Checksums are compared on first use.

Legend: N vectors, D dimensions.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from drama.errors import FileError
from drama.files import atomic_folder, write_json
from drama.files.checksums import checksum, read_sealed_json, write_sealed_json

Array = npt.NDArray[Any]
INFO = "vectors.json"
_IDS = ".ids.json"
ROWS_PER_SHARD = 16384
"""Few files, each of some megabytes: a search takes time for every shard."""
_MAPPED = 64
"""Shards that are mapped at a time; each holds a file descriptor."""
_AGAIN = "remove the folder and run the command that made it again"


class _Sums(NamedTuple):
    """What `vectors.json` says of a shard."""

    rows: int
    vectors: str
    ids: str


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
    sums: list[_Sums] = []
    with atomic_folder(folder) as partial:
        for number, (ids, vectors_ND) in enumerate(shards):
            if vectors_ND.shape != (len(ids), dim):
                raise ValueError(f"expected {(len(ids), dim)}, got {vectors_ND.shape}")
            vectors, names = _files(partial, number)
            np.save(vectors, vectors_ND.astype(dtype))
            write_json(names, list(ids))
            sums.append(_Sums(len(ids), checksum(vectors), checksum(names)))
        write_sealed_json(partial / INFO, {"dim": dim, "shards": sums})


def in_shards(
    parts: Iterable[tuple[Sequence[str], Array]], rows: int | None = None
) -> Iterator[tuple[list[str], Array]]:
    """The same rows in shards of `rows` (default 16,384), the last one shorter; one is held in memory.

    >>> parts = [(["a"], np.ones((1, 2))), (["b", "c"], np.zeros((2, 2)))]
    >>> [(ids, vectors.shape) for ids, vectors in in_shards(parts, rows=2)]
    [(['a', 'b'], (2, 2)), (['c'], (1, 2))]
    """
    rows = rows or ROWS_PER_SHARD
    ids: list[str] = []
    kept: list[Array] = []
    for names, vectors_ND in parts:
        ids += names
        kept.append(vectors_ND)
        while len(ids) >= rows:
            whole_ND = np.concatenate(kept)
            yield ids[:rows], whole_ND[:rows]
            ids, kept = ids[rows:], [whole_ND[rows:]]
    if ids:
        yield ids, np.concatenate(kept)


def _files(folder: Path, number: int) -> tuple[Path, Path]:
    """The vectors and the ids of a shard."""
    return folder / f"{number:05d}.npy", folder / f"{number:05d}{_IDS}"


class _Ids(Sequence[str]):
    """The ids of a shard, read when one is asked for."""

    def __init__(self, path: Path, sums: _Sums) -> None:
        self._path, self._sums = path, sums

    @cached_property
    def _all(self) -> list[str]:
        if checksum(self._path) != self._sums.ids:
            raise FileError(self._path, "damaged: its checksum does not fit", hint=_AGAIN)
        found: list[str] = json.loads(self._path.read_bytes())
        return found

    def __len__(self) -> int:
        return self._sums.rows

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        return self._all[place]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)


class VectorReader:
    """Read the shards of a folder in order, memory-mapped.

    Raises:
        FileError: no vectors, or a file is missing or damaged (its content is looked at on first use).

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     shards = [(["a", "b"], np.eye(2)), (["c"], np.ones((1, 2)))]
    ...     write_vectors(Path(folder) / "v", 2, "float32", shards)
    ...     reader = VectorReader(Path(folder) / "v")
    ...     len(reader), [(list(ids), vectors.shape) for ids, vectors in reader.shards()]
    (3, [(['a', 'b'], (2, 2)), (['c'], (1, 2))])
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / INFO).is_file():
            raise FileError(folder, "holds no vectors", hint="make them with `drama encode`")
        info = read_sealed_json(folder / INFO, hint=_AGAIN)
        self.dim: int = info["dim"]
        self.folder = folder
        self._sums = [_Sums(*sums) for sums in info["shards"]]
        for number in range(len(self._sums)):
            for file in _files(folder, number):
                if not file.is_file():
                    raise FileError(file, "missing", hint=_AGAIN)
        self._checked: set[int] = set()
        self._shard = lru_cache(maxsize=_MAPPED)(self._map)

    def __len__(self) -> int:
        return sum(sums.rows for sums in self._sums)

    def shards(self) -> Iterator[tuple[Sequence[str], Array]]:
        """Yield (ids, vectors [N, D]) for each shard; ids are read when one is asked for."""
        return map(self._shard, range(len(self._sums)))

    def _map(self, number: int) -> tuple[Sequence[str], Array]:
        """Map a shard; on first use its checksum is compared."""
        vectors, ids = _files(self.folder, number)
        sums = self._sums[number]
        try:
            if number not in self._checked and checksum(vectors) != sums.vectors:
                raise FileError(vectors, "damaged: its checksum does not fit", hint=_AGAIN)
            vectors_ND: Array = np.load(vectors, mmap_mode="r", allow_pickle=False)
        except OSError as error:  # the file may be good
            raise FileError(vectors, f"can't be opened ({error.strerror or error})") from None
        self._checked.add(number)
        return _Ids(ids, sums), vectors_ND

    def load(self) -> tuple[list[str], Array]:
        """All ids and all vectors [N, D] float32 in memory."""
        ids: list[str] = []
        vectors_ND = np.empty((len(self), self.dim), dtype=np.float32)
        for names, part_ND in self.shards():
            vectors_ND[len(ids) : len(ids) + len(names)] = part_ND
            ids += names
        return ids, vectors_ND
