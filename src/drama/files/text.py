"""Text and JSON files, written atomically, in UTF-8."""

import json
from pathlib import Path
from typing import Any

from drama.errors import FileError
from drama.files.atomic import atomic_file
from drama.files.reading import parse_json, read_text


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, in UTF-8."""
    with atomic_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, indented, keys in the order given; paths that are not UTF-8 come back too."""
    write_text(path, encoded(json.dumps(value, indent=2, ensure_ascii=False)).decode() + "\n")


def encoded(text: str) -> bytes:
    """JSON in UTF-8, with JSON's escapes for the bytes of a path that are not."""
    return text.encode("utf-8", "backslashreplace")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        FileError: missing, or not valid JSON.
    """
    try:
        return parse_json(read_text(path))
    except ValueError as error:
        raise FileError(
            path, f"not valid JSON ({error})", hint="the file is damaged: make it again"
        ) from None
