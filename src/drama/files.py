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
from drama.folders import walk
from drama.text import parse_json, read_text

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
    """Write JSON atomically, indented, keys in the order given; paths that are not UTF-8 come back too."""
    write_text(path, _encoded(json.dumps(value, indent=2, ensure_ascii=False)).decode() + "\n")


def _encoded(text: str) -> bytes:
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
    return hashlib.sha256(_encoded(text)).hexdigest()[:16]


def fingerprint_path(path: Path) -> str:
    """A short hash of a file's bytes, or of all files in a folder with their names.

    Raises:
        FileError: the path does not exist.
    """
    if path.is_file():
        return _digest(path)[:16]
    if not path.is_dir():
        raise FileError(path, "no such file or folder")
    whole = hashlib.sha256()
    for file in walk(path):
        if not file.name.endswith(PARTIAL):
            whole.update(os.fsencode(file.relative_to(path)) + f"\0{_digest(file)}\n".encode())
    return whole.hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
