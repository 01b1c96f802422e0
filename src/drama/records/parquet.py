"""Parquet as a stream of rows, with a fixed schema; written whole or not at all."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from drama.errors import FileError
from drama.files import atomic_file

_ROWS_PER_GROUP = 4096


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
        optional: the last columns of the schema, which may be missing: rows are shorter then.

    Raises:
        FileError: missing file, not Parquet, or another column is missing.
    """
    file = open_parquet(path)
    needed = [name for name in schema.names if name not in optional]
    missing = [name for name in needed if name not in file.schema_arrow.names]
    if missing:
        raise FileError(path, f"column '{missing[0]}' is missing", hint=f"needed: {needed}")
    names = [name for name in schema.names if name in file.schema_arrow.names]
    yield from read_columns(file, names)


def read_columns(file: pq.ParquetFile, names: list[str]) -> Iterator[tuple[Any, ...]]:
    """Stream the rows of an open file, with these columns in this order."""
    for batch in file.iter_batches(_ROWS_PER_GROUP, columns=names):
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def open_parquet(path: Path) -> pq.ParquetFile:
    """A file of which only the footer has been read.

    Raises:
        FileError: missing file, or not Parquet.
    """
    if not path.is_file():
        raise FileError(path, "no such file")
    try:
        return pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise FileError(path, f"not a Parquet file ({error})") from None
