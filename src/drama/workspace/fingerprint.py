"""Content hashes: of settings, of files, of folders. Two equal fingerprints mean the same bytes."""

import hashlib
import json
from pathlib import Path
from typing import Any

from drama.errors import FileError

_BLOCK = 1 << 20


def fingerprint(value: Any) -> str:
    """A short hash of anything JSON can hold, independent of the order of keys.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fingerprint_path(path: Path) -> str:
    """A short hash of a file's bytes, or of all files in a folder with their names.

    Raises:
        FileError: the path does not exist.
    """
    if path.is_file():
        return _file_digest(path)[:16]
    if not path.is_dir():
        raise FileError(path, "no such file or folder")
    whole = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file() and not p.name.endswith(".partial")):
        whole.update(f"{file.relative_to(path)}\0{_file_digest(file)}\n".encode())
    return whole.hexdigest()[:16]


def _file_digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()
