"""JSON Lines with errors that name the line."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from drama.errors import FileError

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_BREAKS = re.compile(r"[\t\r\n]")


def read_jsonl(path: Path, required: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number from 1, object) for each non-blank line.

    Raises:
        FileError: the file is missing, a line is no JSON object, or a required field is absent.
    """
    if not path.is_file():
        raise FileError(path, "no such file", hint="check the path")
    with path.open("rb") as handle:
        for number, raw in enumerate(handle, start=1):
            if not raw.strip():
                continue
            try:
                row = json.loads(raw.decode("utf-8-sig"))
            except UnicodeDecodeError as error:
                raise FileError(path, f"not UTF-8 ({error.reason})", line=number) from None
            except json.JSONDecodeError as error:
                raise FileError(
                    path,
                    f"not valid JSON ({error.msg} at column {error.colno})",
                    line=number,
                    hint="each line must hold one JSON object",
                ) from None
            if not isinstance(row, dict):
                raise FileError(path, f"expected a JSON object, found {type(row).__name__}", line=number)
            for field in required:
                if field not in row:
                    raise FileError(
                        path,
                        f"field '{field}' is missing",
                        line=number,
                        hint=f"the line has the fields {sorted(row)}",
                    )
            yield number, row


def text_field(path: Path, number: int, row: dict[str, Any], field: str) -> str:
    """The field as text; ids may be integers in the file, other types are refused."""
    value = row.get(field, "")
    if value is None:
        return ""
    if isinstance(value, str):
        if not value.isascii() and _HALF_CHARACTER.search(value):
            raise FileError(path, f"field '{field}' holds half a character (\\ud800 to \\udfff)", line=number)
        return value
    if isinstance(value, int) and not isinstance(value, bool) and field == "_id":
        return str(value)
    raise FileError(path, f"field '{field}' must be text, found {type(value).__name__}", line=number)


def id_field(path: Path, number: int, row: dict[str, Any]) -> str:
    """The field `_id`: not empty, and without the tabs and line breaks that would tear qrels and runs."""
    identity = text_field(path, number, row, "_id")
    if not identity.strip():
        raise FileError(path, "field '_id' is empty", line=number)
    if _BREAKS.search(identity):
        raise FileError(path, f"field '_id' holds a tab or a line break: {identity!r}", line=number)
    return identity
