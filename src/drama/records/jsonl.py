"""JSON Lines with errors that name the line."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from drama.errors import FileError


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
