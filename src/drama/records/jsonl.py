"""JSON Lines with errors that name the line."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from drama.errors import FileError
from drama.files import atomic_file
from drama.files.reading import parse_json, read_lines


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> int:
    """Write one object a line, atomically. Returns how many were written."""
    written = 0
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8") as handle:
        for row in rows:
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += 1
    return written


def read_jsonl(path: Path, required: Sequence[str] = ()) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for each line that is not blank; the file may be compressed.

    Raises:
        FileError: the file is missing or not UTF-8, a line is no JSON object, or a required field is absent.
    """
    for number, line in read_lines(path):
        try:
            row = parse_json(line)
        except ValueError as error:
            hint = "each line must hold one JSON object"
            raise FileError(path, f"not valid JSON ({error})", line=number, hint=hint) from None
        if not isinstance(row, dict):
            raise FileError(path, f"expected a JSON object, found {type(row).__name__}", line=number)
        missing = [field for field in required if field not in row]
        if missing:
            hint = f"the line has the fields {sorted(row)}"
            raise FileError(path, f"field '{missing[0]}' is missing", line=number, hint=hint)
        yield number, row
