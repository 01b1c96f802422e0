"""Benchmarks of many runs: one raw file per run, so that an interrupted benchmark can be resumed."""

import json
import re
from pathlib import Path
from typing import Any

from drama.console import note
from drama.errors import FileError


def is_done(path: Path, settings: dict[str, Any]) -> bool:
    """Whether a run's result by these settings exists already; says so if it does.

    Raises:
        FileError: it exists by other settings, or is no result.
    """
    if not path.is_file():
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["settings"]
    except (ValueError, KeyError, TypeError):
        raise FileError(
            path, "is no result of a benchmark", hint="remove it, or choose another --out"
        ) from None
    if found != json.loads(json.dumps(settings)):
        raise FileError(path, "was made by other settings", hint="remove it, or choose another --out")
    note(f"{path}: exists, skipped")
    return True


def as_file_name(name: str) -> str:
    """A model's name as part of a file name.

    >>> as_file_name("models/my model"), as_file_name("http://localhost:8000/v1#qwen/qwen3")
    ('my-model', 'qwen3')
    """
    return re.sub(r"[^\w.-]+", "-", name.rstrip("/").rsplit("/", 1)[-1])
