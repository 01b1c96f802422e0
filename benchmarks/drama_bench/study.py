"""Studies of many runs: one raw file a run, so that a study can be stopped and goes on where it was."""

import json
import re
from pathlib import Path
from typing import Any

from drama.console import note
from drama.errors import FileError


def is_done(path: Path, settings: dict[str, Any]) -> bool:
    """Whether a run's result is there already, by these settings; says so if it is.

    Raises:
        FileError: it is there by other settings, or is no result.
    """
    if not path.is_file():
        return False
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["settings"]
    except (ValueError, KeyError, TypeError):
        raise FileError(path, "is no result of a study", hint="remove it, or name another --out") from None
    if found != json.loads(json.dumps(settings)):
        raise FileError(path, "was made by other settings", hint="remove it, or name another --out")
    note(f"{path}: done before")
    return True


def as_file_name(name: str) -> str:
    """A model's name as part of a file's.

    >>> as_file_name("models/my model"), as_file_name("http://localhost:8000/v1#qwen/qwen3")
    ('my-model', 'qwen3')
    """
    return re.sub(r"[^\w.-]+", "-", name.rstrip("/").rsplit("/", 1)[-1])
