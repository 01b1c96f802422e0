"""Parquet files as documents: passages of ours, or other tables."""

from collections.abc import Iterator
from pathlib import Path

from drama.records import Document, DocumentRows, Reading, open_parquet
from drama.records.parquet import read_columns


def read_parquet(path: Path, reading: Reading) -> Iterator[Document]:
    """Stream the rows; columns as for `document_columns`, in which all but the ids may be null.

    Raises:
        DramaError: missing or damaged file, not Parquet, no column with text, a value of the wrong type, or
            an id against the rules.
    """
    file = open_parquet(path)
    rows = DocumentRows(path, reading, unit="row")
    columns = rows.columns(file.schema_arrow.names)
    for number, row in enumerate(read_columns(path, file, list(columns.values())), start=1):
        yield rows.document(number, dict(zip(columns, row, strict=True)))
