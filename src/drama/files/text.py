"""Text and JSON files, written atomically, in UTF-8."""

import json
from pathlib import Path
from typing import Any

from drama.errors import FileError
from drama.files.atomic import atomic_file


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented, keys in the order given."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileError: missing, or not valid JSON.
    """
    if not path.is_file():
        raise FileError(path, "no such file")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise FileError(
            path, f"not valid JSON ({error})", hint="the file is damaged: make it again"
        ) from None
