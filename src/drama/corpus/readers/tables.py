"""CSV and TSV files as documents."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from drama.corpus.readers.columns import document_columns
from drama.errors import FileError
from drama.records import Document, Fields, document_from


def read_table(path: Path, source: str) -> Iterator[Document]:
    """Stream a table whose first line names its columns: `text`, optional `_id` (or `id`), `title`, `lang`.

    Without an id column, a row's number is its id, from 1. The separator is whichever of comma, semicolon and
    tab the first line has most of. Quotes enclose a cell in a .csv; in a .tsv, where no cell holds a tab or a
    line break, they are ordinary characters.

    Raises:
        FileError: not UTF-8, no column `text`, a row of another width, an empty or duplicate id.
    """
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as handle:
        try:
            yield from _documents(path, handle.readline(), handle, source)
        except UnicodeDecodeError as error:
            raise FileError(path, f"not UTF-8 ({error.reason})") from None
        except csv.Error as error:
            raise FileError(path, f"not a table ({error})") from None


def _documents(path: Path, header: str, lines: Iterator[str], source: str) -> Iterator[Document]:
    tabbed = path.suffix.lower() == ".tsv"
    delimiter = max("\t,;" if tabbed else ",;\t", key=header.count)
    names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    columns = document_columns(names)
    if "text" not in columns:
        found = ", ".join(names) or "nothing"
        hint = "the first line names the columns; call the one that holds the documents 'text'"
        raise FileError(path, f"no column 'text' (the first line has: {found})", line=1, hint=hint)
    fields = Fields(path, "document")
    reader = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if tabbed else csv.QUOTE_MINIMAL)
    for number, cells in enumerate(filter(None, reader), start=1):
        line = reader.line_num + 1
        if len(cells) != len(names):
            raise FileError(path, f"{len(cells)} cells, but {len(names)} columns", line=line)
        row = dict(zip(names, cells, strict=True))
        values = {"id": str(number)}
        for field in ("id", "title", "text", "lang"):
            if column := columns.get(field):
                values[field] = row[column].strip() if field in ("id", "lang") else row[column]
        yield document_from(fields, line, values, source)
