"""Reading and writing YAML with errors that name the line."""

import os
from pathlib import Path
from typing import Any

import yaml

from drama.errors import FileError


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        FileError: missing file, broken YAML (with its line), or something that is no mapping.
    """
    if not path.is_file():
        raise FileError(path, "no such file")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise FileError(path, f"not valid YAML ({error.problem})", line=line) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise FileError(path, f"expected keys and values, found {type(values).__name__}")
    return values


def write_yaml(path: Path, values: dict[str, Any]) -> None:
    """Write a mapping as YAML, atomically, keys in the given order."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
    os.replace(partial, path)
