"""CSV and TSV files as documents."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from drama.corpus.readers.rows import IDS
from drama.errors import FileError
from drama.records import Document


def read_table(path: Path, source: str) -> Iterator[Document]:
    """Stream a table whose first line names its columns: `text`, optional `_id` (or `id`), `title`, `lang`.

    A row without an id column is called by its number, from 1. Columns are parted by commas, semicolons or
    tabs, whichever the first line holds most of. Quotes hold a cell together in a .csv; in a .tsv, where no
    cell holds a tab or a line break, they are letters like others.

    Raises:
        FileError: not UTF-8, no column `text`, a row of another width, an id that is empty or stands twice.
    """
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as handle:
        try:
            yield from _rows(path, handle.readline(), handle, source)
        except UnicodeDecodeError as error:
            raise FileError(path, f"not UTF-8 ({error.reason})") from None
        except csv.Error as error:
            raise FileError(path, f"not a table ({error})") from None


def _rows(path: Path, header: str, lines: Iterator[str], source: str) -> Iterator[Document]:
    tabbed = path.suffix == ".tsv"
    delimiter = max("\t,;" if tabbed else ",;\t", key=header.count)
    columns = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
    if "text" not in columns:
        found = ", ".join(columns) or "nothing"
        hint = "the first line names the columns; call the one that holds the documents 'text'"
        raise FileError(path, f"no column 'text' (the first line has: {found})", line=1, hint=hint)
    identity_column = next((name for name in IDS if name in columns), None)
    seen: set[str] = set()
    quoting: Literal[0, 3] = csv.QUOTE_NONE if tabbed else csv.QUOTE_MINIMAL
    reader = csv.reader(lines, delimiter=delimiter, quoting=quoting)
    for number, cells in enumerate(filter(None, reader), start=1):
        line = reader.line_num + 1
        if len(cells) != len(columns):
            raise FileError(path, f"{len(cells)} cells, but {len(columns)} columns", line=line)
        row = dict(zip(columns, cells, strict=True))
        identity = row[identity_column].strip() if identity_column else str(number)
        if not identity or identity in seen:
            what = f"document id '{identity}' stands twice" if identity else "the document id is empty"
            raise FileError(path, what, line=line, hint="ids must be unique")
        seen.add(identity)
        yield Document(identity, row.get("title", ""), row["text"], row.get("lang", "").strip(), source)
