"""Parquet files as documents: passages of ours, or other tables."""

from collections.abc import Iterator
from pathlib import Path

from drama.corpus.readers.columns import document_columns
from drama.errors import FileError
from drama.records import Document, Fields, document_from, open_parquet
from drama.records.parquet import read_columns


def read_parquet(path: Path, source: str) -> Iterator[Document]:
    """Stream the rows: column `text`, and optionally `_id` or `id` (by default the row's number, from 1),
    `title`, `lang`, `source` and `chunk_of`. All but the text may be null; ids may be integers.

    Raises:
        FileError: missing file, not Parquet, or no column `text`.
        DramaError: a value of the wrong type, or an empty or duplicate id.
    """
    file = open_parquet(path)
    names = file.schema_arrow.names
    columns = document_columns(names)
    if "text" not in columns:
        hint = "call the column that holds the documents 'text'"
        raise FileError(path, f"no column 'text' (there are: {', '.join(names)})", hint=hint)
    fields = Fields(path, "document", unit="row")
    for number, row in enumerate(read_columns(file, list(columns.values())), start=1):
        yield document_from(fields, number, dict(zip(columns, row, strict=True)), source)
