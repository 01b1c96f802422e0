"""Failed writes in plain words: a full disk, a read-only folder, whichever library met it.

Python, sqlite, Arrow, NumPy, safetensors and tokenizers each report them in their own way; this is the one
place that knows them all.
"""

import errno
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drama.errors import DramaError, FileError

_FAILED = -1
"""Instead of the system's number, where a library keeps it to itself."""
_FULL = {
    _FAILED: "a write failed",
    errno.ENOSPC: "no space left on the device",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file would be larger than is allowed",
}
_FORBIDDEN = {
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "no permission to write",
    errno.EPERM: "no permission to write",
}
_UNUSABLE = {
    errno.EEXIST: "a file is there already, where a folder is needed",
    errno.ENOTDIR: "a part of this path is a file, and no folder",
    errno.ENAMETOOLONG: "the name is too long",
}
_FREE = "free some and run the same command again: it resumes from there"
_ALLOW = "make it writable, or name another folder"
_DENIED = (errno.EACCES, errno.EPERM)
_IN_TEXT = re.compile(r"\(os error (\d+)\)")
"""As Rust's libraries write it."""
_CUT_SHORT = re.compile(r"\d+ requested and \d+ written")
_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
}
_SQLITE_WRITES = (
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Raise a FileError that names `path` where the block fails because nothing (more) can be written.

    Other exceptions pass as they are.
    """
    try:
        yield
    except Exception as error:
        explained = write_error(error, path)
        if explained is None:
            raise
        raise explained from error


def write_error(error: BaseException, path: Path | None = None) -> FileError | None:
    """What a failed write means, or None where the error is another.

    Args:
        error: of any library.
        path: what was being written; None: the file that the error names.

    >>> print(write_error(OSError(errno.ENOSPC, "…"), Path("run/train")))
    run/train: no space left on the device; what was saved before is kept
      → free some and run the same command again: it resumes from there
    """
    if isinstance(error, DramaError):
        return None
    number = _number(error)
    if number is None and error.__cause__ is not None:
        return write_error(error.__cause__, path)
    named = Path(error.filename) if isinstance(error, OSError) and _is_name(error.filename) else None
    if number in _FULL:
        return FileError(
            path or named or "the disk", f"{_FULL[number]}; what was saved before is kept", hint=_FREE
        )
    if number in _UNUSABLE and named is not None:
        return FileError(named, _UNUSABLE[number], hint="name another")
    if number not in _FORBIDDEN:
        return None
    if named is not None and path is not None and not _is_within(named, path):  # an input, or a cache
        return FileError(named, _FORBIDDEN[number].replace("to write", "to read or write"))
    return FileError(path or named or "the disk", _FORBIDDEN[number], hint=_ALLOW)


def _number(error: BaseException) -> int | None:
    """The system's number of an error, however a library wraps it."""
    if isinstance(error, OSError) and error.errno is not None:
        is_ours = error.errno not in _DENIED or isinstance(error, PermissionError)  # and no SSLError
        return error.errno if is_ours else None
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        return _FAILED if code in _SQLITE_WRITES else _SQLITE.get(code & 0xFF)  # without the details
    text = str(error)
    if isinstance(error, OSError) and _CUT_SHORT.search(text):  # NumPy, which does not say why
        return errno.ENOSPC
    found = _IN_TEXT.search(text)
    return int(found[1]) if found else None


def _is_name(value: object) -> bool:
    return isinstance(value, str | bytes) and bool(value)


def _is_within(path: Path, folder: Path) -> bool:
    """Whether a path is the folder, in it, or next to it as a temporary neighbour."""
    path, folder = path.absolute(), folder.absolute()
    beside = path.parent == folder.parent and path.name.startswith(f"{folder.name}.")
    return beside or path.is_relative_to(folder)
