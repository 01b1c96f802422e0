"""CSV and TSV files as documents."""

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from drama.errors import FileError
from drama.files.compression import open_bytes, uncompressed_name
from drama.files.reading import read_lines
from drama.records import Document, DocumentRows, Reading


def read_table(path: Path, reading: Reading) -> Iterator[Document]:
    """Stream a table whose first line names its columns, as for `document_columns`.

    Without an id column, a row's number is its id, from 1. The separator is whichever of comma, semicolon and
    tab the first line has most of. Quotes enclose a cell in a .csv; in a .tsv, where no cell holds a tab or a
    line break, they are ordinary characters.

    Raises:
        FileError: not UTF-8, a quote that is not closed, a row of another width.
        DramaError: no column with text, or what breaks a rule of `DocumentRows`.
    """
    csv.field_size_limit(sys.maxsize)
    with _opened(path) as lines:
        try:
            yield from _documents(path, lines, reading)
        except UnicodeDecodeError:
            for _ in read_lines(path):  # names the line
                pass
            raise


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    with open_bytes(path) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as lines:
        yield lines


def _documents(path: Path, lines: TextIO, reading: Reading) -> Iterator[Document]:
    tabbed = uncompressed_name(path.name).lower().endswith(".tsv")
    header = lines.readline()
    delimiter = max("\t,;" if tabbed else ",;\t", key=header.count)
    _, head = next(_records(path, [header], delimiter, False, 1), (1, []))
    names = [name.strip() for name in head]
    documents = DocumentRows(path, reading)
    columns = documents.columns(names, 1)
    for number, (line, cells) in enumerate(_records(path, lines, delimiter, tabbed, 2), start=1):
        if len(cells) != len(names):
            raise FileError(path, f"{len(cells)} cells, but {len(names)} columns", line=line)
        row = dict(zip(names, cells, strict=True))
        values = {field: row[column] for field, column in columns.items()}
        yield documents.document(line, values, number)


def _records(
    path: Path, lines: Iterable[str], delimiter: str, plain: bool, line: int
) -> Iterator[tuple[int, list[str]]]:
    """The records that are not blank, each with its first line's number; `plain` means without quotes."""
    reader = csv.reader(
        lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL, strict=True
    )
    first = line
    while True:
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _broken(path, first, delimiter, error) from None
        if cells is None:
            return
        if cells:
            yield first, cells
        first = line + reader.line_num


def _broken(path: Path, first: int, delimiter: str, error: csv.Error) -> FileError:
    """The error in the record that begins at line `first`, at the line of a quote that does not close."""
    content = rf'(?:"(?:[^"]|"")*+"|(?!")[^{delimiter}\r\n]*)'
    cell = re.compile(rf"{content}(?:{delimiter}|\r?\n|\Z)")
    with _opened(path) as lines:
        rest = "".join(islice(lines, first - 1, None))
    at = 0
    while at < len(rest) and (found := cell.match(rest, at)):
        at = found.end()
    if not rest.startswith('"', at):
        return FileError(path, f"not a table ({error})", line=first)
    return FileError(
        path,
        "a quote opens here that is never closed, or closes in the middle of a cell",
        line=first + rest.count("\n", 0, at),
        hint='close it, or write "" for a quote inside a cell',
    )
