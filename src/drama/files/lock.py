"""One writer a folder: a second one is refused, and told who the first one is.

The system's lock on the file `.lock` decides, so a killed process holds nothing. Where a file system has no
locks, the process that the file names does.
"""

import errno
import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

from drama.errors import FileError
from drama.files.atomic import make_folder, remove_leftovers
from drama.files.explain import explaining
from drama.files.process import Process
from drama.files.reading import parse_json

LOCK = ".lock"
_TAKEN = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_held: dict[Path, int] = {}
"""Folders that this process writes to, and the thread that does."""


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Be the only writer of a folder, which is made where it is missing. The same thread may enter again.

    What killed processes left half-written in it is removed first. A write that fails in the block because
    the disk is full, or the folder read-only, is explained.

    Raises:
        FileError: another process, or another thread, is writing there; or nothing can be written.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as root, writing(Path(root)):
    ...     sorted(json.loads((Path(root) / LOCK).read_text()))
    ['host', 'pid', 'since', 'started']
    """
    with explaining(folder):
        make_folder(folder)
        place = folder.resolve()
        if _held.get(place) == threading.get_ident():
            yield
            return
        handle = _acquire(folder / LOCK)
        _held[place] = threading.get_ident()
        try:
            remove_leftovers(folder)
            yield
        finally:
            del _held[place]
            _release(folder / LOCK, handle)


def _acquire(path: Path) -> IO[str]:
    while True:
        handle = path.open("a+", encoding="utf-8")  # what the holder wrote stays until the lock is ours
        try:
            _take(path, handle)
            if not _is_the_file(path, handle):  # the last holder removed it in the meantime
                handle.close()
                continue
            handle.truncate(0)
            since = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
            handle.write(json.dumps({**Process.this()._asdict(), "since": since}) + "\n")
            handle.flush()
        except BaseException:
            handle.close()
            raise
        return handle


def _take(path: Path, handle: IO[str]) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        found = _holder(handle)
        if error.errno in _TAKEN:
            raise _refusal(path, found, "wait until it ends, or name another folder") from None
        if found is not None and not found[0].is_gone():  # no locks on this file system
            hint = f"wait until it ends, or, if it has, remove {path}"
            raise _refusal(path, found, hint) from None


def _holder(handle: IO[str]) -> tuple[Process, str] | None:
    """The process that wrote the file, and since when; None where it has not written it yet."""
    handle.seek(0)
    try:
        values = parse_json(handle.read())
        return Process(values["host"], values["pid"], values["started"]), values["since"]
    except (ValueError, KeyError, TypeError):
        return None


def _refusal(path: Path, holder: tuple[Process, str] | None, hint: str) -> FileError:
    who = "another process"
    if holder is not None:
        process, since = holder
        who = f"process {process.pid} on host {process.host}, since {since}"
    return FileError(path.parent, f"is being written by {who}", hint=hint)


def _is_the_file(path: Path, handle: IO[str]) -> bool:
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _release(path: Path, handle: IO[str]) -> None:
    """Remove the file while it is still ours, then let go."""
    try:
        path.unlink(missing_ok=True)
    finally:
        handle.close()
