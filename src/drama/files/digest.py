"""Content hashes: two equal fingerprints mean the same bytes."""

import hashlib
import json
import os
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from drama.errors import FileError
from drama.files.atomic import PARTIAL
from drama.files.folders import walk
from drama.files.lock import LOCK
from drama.files.text import encoded

_SETTLED = 2 * 10**9
"""Nanoseconds after which a file's time tells its next change from this one."""


def fingerprint(value: Any) -> str:
    """A short hash of anything JSON can hold, independent of the order of keys.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(encoded(text)).hexdigest()[:16]


def fingerprint_path(path: Path) -> str:
    """A short hash of a file's bytes, or of all files in a folder with their names; hidden ones, such as
    those of git, don't count.

    Raises:
        FileError: the path does not exist.
    """
    if path.is_file():
        return sha256(path)[:16]
    if not path.is_dir():
        raise FileError(path, "no such file or folder")
    whole = hashlib.sha256()
    for file in walk(path, hidden=False):
        if not file.name.endswith(PARTIAL) and file.name != LOCK:
            whole.update(os.fsencode(file.relative_to(path)) + f"\0{sha256(file)}\n".encode())
    return whole.hexdigest()[:16]


def sha256(path: Path) -> str:
    """SHA-256 of a file, read as a stream; a process reads a file again only where it has changed."""
    at = path.stat()
    if time.time_ns() - at.st_mtime_ns < _SETTLED:
        return _digest(path)
    return _known(path.resolve(), at.st_ino, at.st_size, at.st_mtime_ns)


@lru_cache(maxsize=4096)
def _known(path: Path, _inode: int, _size: int, _changed: int) -> str:
    return _digest(path)


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
