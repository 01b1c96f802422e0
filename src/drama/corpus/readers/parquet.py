"""Parquet files as documents: passages of ours, or anybody's."""

from collections.abc import Iterator
from pathlib import Path

from drama.corpus.readers.rows import IDS, RowReader
from drama.errors import FileError
from drama.records import Document, open_parquet

_BATCH = 4096


def read_parquet(path: Path, source: str) -> Iterator[Document]:
    """Stream the rows: column `text`, and where they are there `_id` or `id` (else the row's number, from 1),
    `title`, `lang`, `source` and `chunk_of`. Empty cells (null) of the latter are empty; ids may be numbers.

    Raises:
        FileError: missing file, not Parquet, or no column `text`.
        DramaError: a text that is no string, or an id that is empty or stands twice.
    """
    file = open_parquet(path)
    there = file.schema_arrow.names
    if "text" not in there:
        hint = "call the column that holds the documents 'text'"
        raise FileError(path, f"no column 'text' (there are: {', '.join(there)})", hint=hint)
    identity = next((name for name in IDS if name in there), None)
    columns = {part: part for part in ("text", "title", "lang", "source", "chunk_of") if part in there}
    used = {**columns, "id": identity} if identity else columns
    reader = RowReader(str(path), source)
    for batch in file.iter_batches(_BATCH, columns=list(used.values())):
        for row in zip(*(batch.column(column).to_pylist() for column in used.values()), strict=True):
            yield reader.document(dict(zip(used, row, strict=True)))
