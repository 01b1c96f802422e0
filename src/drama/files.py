"""Files that are whole or absent, and content hashes: two equal fingerprints mean the same bytes.

Every write goes to a temporary neighbour first, then fsync, then one rename.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from drama.errors import FileError

PARTIAL = ".partial"


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Write to the temporary path that this yields; it takes the place of `path` when the block ends well.

    After an error the temporary file is removed and `path` stays as it was.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with atomic_file(Path(root) / "numbers.txt") as partial:
    ...         _ = partial.write_text("1 2 3")
    ...     [p.name for p in Path(root).iterdir()]
    ['numbers.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    try:
        yield partial
        sync(partial)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync(path.parent)


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


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill the temporary folder that this yields; it takes the place of `path` when the block ends well.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with atomic_folder(Path(root) / "model") as folder:
    ...         _ = (folder / "weights").write_text("w")
    ...     sorted(p.name for p in Path(root).rglob("*"))
    ['model', 'weights']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + PARTIAL)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    yield partial
    for file in partial.rglob("*"):
        sync(file)
    sync(partial)
    shutil.rmtree(path, ignore_errors=True)
    os.replace(partial, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Have a file, or the entries of a folder, on the disk itself when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
        return sha256(path)[:16]
    if not path.is_dir():
        raise FileError(path, "no such file or folder")
    whole = hashlib.sha256()
    for file in sorted(p for p in path.rglob("*") if p.is_file() and not p.name.endswith(PARTIAL)):
        whole.update(f"{file.relative_to(path)}\0{sha256(file)}\n".encode())
    return whole.hexdigest()[:16]


def sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
