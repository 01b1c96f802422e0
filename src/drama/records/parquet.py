"""Parquet as a stream of rows, with a fixed schema; written whole or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drama.errors import FileError
from drama.files import atomic_file

_ROWS_PER_GROUP = 4096
_DAMAGED = "copy or make it again"


def write_rows(path: Path, rows: Iterable[Sequence[Any]], schema: pa.Schema) -> int:
    """Stream rows into one file, written atomically. Returns how many were written."""
    written = 0
    stream = iter(rows)
    with atomic_file(path) as partial, pq.ParquetWriter(partial, schema) as writer:
        while group := list(islice(stream, _ROWS_PER_GROUP)):
            columns = zip(zip(*group, strict=True), schema.types, strict=True)
            writer.write_table(pa.table([pa.array(c, t) for c, t in columns], schema=schema))
            written += len(group)
    return written


def read_rows(path: Path, schema: pa.Schema, optional: Sequence[str] = ()) -> Iterator[tuple[Any, ...]]:
    """Stream the rows of a file, in the schema's order of columns.

    Args:
        path: Parquet.
        schema: the columns.
        optional: the last columns of the schema, which may be missing: rows are shorter then. Where one is
            missing, those after it are not read.

    Raises:
        FileError: missing file, not Parquet, another column is missing or holds no text, or what
            `read_columns` raises.
    """
    file = open_parquet(path)
    there = file.schema_arrow
    needed = [name for name in schema.names if name not in optional]
    missing = [name for name in needed if name not in there.names]
    if missing:
        raise FileError(path, f"column '{missing[0]}' is missing", hint=f"needed: {needed}")
    names = list(takewhile(there.names.__contains__, schema.names))
    for name in names:
        if pa.types.is_string(schema.field(name).type) and not _is_text(there.field(name).type):
            raise FileError(path, f"column '{name}' must hold text, found {there.field(name).type}")
    yield from read_columns(path, file, names)


def read_columns(path: Path, file: pq.ParquetFile, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """Stream the rows of an open file, with these columns in this order.

    Raises:
        FileError: the file is damaged, or a text is not UTF-8; names the row.
    """
    begin = 1
    batches = file.iter_batches(_ROWS_PER_GROUP, columns=names)
    while True:
        try:
            batch = next(batches, None)
            if batch is None:
                return
            columns = [batch.column(name) for name in names]
            rows = [column.to_pylist() for column in columns]
        except UnicodeDecodeError:
            row = begin + min(_first_not_text(column) for column in columns)
            raise FileError(path, f"row {row}: not UTF-8", hint="convert it to UTF-8") from None
        except (pa.ArrowException, OSError) as error:
            raise FileError(path, f"damaged after row {begin - 1} ({error})", hint=_DAMAGED) from None
        yield from zip(*rows, strict=True)
        begin += batch.num_rows


def _first_not_text(column: pa.Array) -> int:
    """The row of a batch whose value can't be decoded; the number of rows, if all can be."""
    for row in range(len(column)):
        try:
            column[row].as_py()
        except UnicodeDecodeError:
            return row
    return len(column)


def _is_text(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind))


def open_parquet(path: Path) -> pq.ParquetFile:
    """A file of which only the footer has been read.

    Raises:
        FileError: missing file, or not Parquet.
    """
    if path.is_dir():
        raise FileError(path, "is a folder", hint="name the .parquet file in it")
    if not path.is_file():
        raise FileError(path, "no such file")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise FileError(path, f"not a Parquet file, or damaged ({error})", hint=_DAMAGED) from None
