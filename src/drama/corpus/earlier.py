"""Passages of an earlier reading, for files that have not changed since: these are not read and cut again."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Self

import pyarrow as pa
import pyarrow.parquet as pq

from drama.files.digest import sha256
from drama.records import ALSO, Document, document_of_row, open_parquet
from drama.records.parquet import read_rows, write_rows
from drama.workspace import read_manifest

FILES = "files.parquet"
_SCHEMA = pa.schema(
    [("name", pa.string()), ("sha256", pa.string()), ("first", pa.int64()), ("rows", pa.int64())]
)


class _Rows(NamedTuple):
    """Where the passages of a file are."""

    sha256: str
    first: int
    number: int


class Earlier:
    """The files of an earlier reading with their passages.

    Args:
        rows: name of a file → where its passages are.
        passages: the Parquet file, open: it may be moved or removed meanwhile.
    """

    def __init__(self, rows: Mapping[str, _Rows], passages: pq.ParquetFile | None) -> None:
        self._rows, self._passages = rows, passages
        self._starts: list[int] = []
        self._group, self._cached = -1, pa.table({})
        if passages is not None:
            start = 0
            for group in range(passages.num_row_groups):
                self._starts.append(start)
                start += passages.metadata.row_group(group).num_rows
        self.hashes: dict[str, str] = {}
        """Name → hash, of the files that were asked for."""
        self.taken: set[str] = set()
        """Ids of the passages that were taken over."""

    @classmethod
    def open(cls, folder: Path | None, passages: str, as_now: Callable[[Mapping[str, object]], bool]) -> Self:
        """What a complete corpus stage left; nothing, if it was made in another way.

        Args:
            folder: of the stage; None: nothing.
            passages: name of its passages.
            as_now: whether a manifest's revision, settings and inputs would give the same passages.
        """
        made = read_manifest(folder) if folder is not None else None
        if folder is None or made is None or made.status != "complete" or not as_now(made.model_dump()):
            return cls({}, None)
        if not (folder / FILES).is_file():
            return cls({}, None)
        rows = {name: _Rows(*where) for name, *where in read_rows(folder / FILES, _SCHEMA)}
        return cls(rows, open_parquet(folder / passages))

    def of(self, name: str, file: Path) -> list[Document] | None:
        """The passages of a file as it was read before; None where it has changed or is new."""
        self.hashes[name] = sha256(file)
        rows = self._rows.get(name)
        if rows is None or self._passages is None or rows.sha256 != self.hashes[name]:
            return None
        found = [
            d._replace(metadata=tuple((name, value) for name, value in d.metadata if name != ALSO))
            for d in self._between(rows.first, rows.first + rows.number)
        ]
        self.taken.update(d.id for d in found)
        return found

    def _between(self, first: int, end: int) -> Iterator[Document]:
        """The passages in some rows."""
        while first < end and self._passages is not None:
            group = bisect_right(self._starts, first) - 1
            if group != self._group:
                self._group, self._cached = group, self._passages.read_row_group(group)
            part = self._cached.slice(first - self._starts[group], end - first)
            columns = [part.column(name).to_pylist() for name in Document._fields]
            yield from map(document_of_row, zip(*columns, strict=True))
            first += part.num_rows


class Kept:
    """Which rows the passages of each file become, while they stream by twice: cut, then without
    duplicates."""

    def __init__(self, earlier: Earlier) -> None:
        self._earlier = earlier
        self._cut: dict[str, int] = {}
        self._rows: dict[str, tuple[int, int]] = {}
        self._count = 0

    def cut(self, passages: Iterable[Document]) -> Iterator[Document]:
        """All passages."""
        for passage in passages:
            if passage.whole_id in self._earlier.hashes:
                self._cut[passage.whole_id] = self._cut.get(passage.whole_id, 0) + 1
            yield passage

    def written(self, passages: Iterable[Document]) -> Iterator[Document]:
        """Those that are written, in their order."""
        for passage in passages:
            if passage.whole_id in self._earlier.hashes:
                first, count = self._rows.get(passage.whole_id, (self._count, 0))
                self._rows[passage.whole_id] = first, count + 1
            self._count += 1
            yield passage

    def write(self, folder: Path) -> None:
        """Write the files whose passages were all kept."""
        whole = (name for name, (_, count) in self._rows.items() if count == self._cut[name])
        rows = ((name, self._earlier.hashes[name], *self._rows[name]) for name in whole)
        write_rows(folder / FILES, rows, _SCHEMA)
