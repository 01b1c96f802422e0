"""Files and folders that are whole or absent.

Every write goes to a temporary neighbour first, then fsync, then one rename. The neighbour's name holds the
process that writes it: two writers never share one, and what a killed process left is known and removed.
"""

import ctypes
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from drama.files.explain import explaining
from drama.files.process import Process, mark_is_gone

PARTIAL = ".partial"
_ASIDE = ".aside"
_LEFTOVER = re.compile(rf"(?P<name>.+)\.(?P<mark>[0-9a-f]{{6}}-\d+-\d+)-\d+(?P<aside>{_ASIDE})?{PARTIAL}")
_NUMBERS = count()
_CURRENT_FOLDER, _EXCHANGE = -100, 2
"""Linux's AT_FDCWD and RENAME_EXCHANGE."""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Write to the temporary path that this yields; it takes the place of `path` when the block ends well.

    After an error the temporary file is removed and `path` stays as it was.

    Raises:
        FileError: the disk is full, or nothing may be written there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with atomic_file(Path(root) / "numbers.txt") as partial:
    ...         _ = partial.write_text("1 2 3")
    ...     [p.name for p in Path(root).iterdir()]
    ['numbers.txt']
    """
    with explaining(path):
        make_folder(path.parent)
        partial = _neighbour(path)
        try:
            yield partial
            sync(partial)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync(path.parent)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Fill the temporary folder that this yields; it takes the place of `path` when the block ends well.

    After an error the temporary folder is removed and `path` stays as it was.

    Raises:
        FileError: the disk is full, or nothing may be written there.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root:
    ...     with atomic_folder(Path(root) / "model") as folder:
    ...         _ = (folder / "weights").write_text("w")
    ...     sorted(p.name for p in Path(root).rglob("*"))
    ['model', 'weights']
    """
    with explaining(path):
        make_folder(path.parent)
        remove_leftovers(path.parent, of=path.name)
        partial = _neighbour(path)
        partial.mkdir()
        try:
            yield partial
            replace_folder(partial, path)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def replace_folder(new: Path, path: Path) -> None:
    """Give a finished folder the place of another, if there is one; both are on one file system.

    Where the system can't exchange two folders in one step, the old one is put aside for a moment;
    `remove_leftovers` puts it back where a kill came between.
    """
    for file in new.rglob("*"):
        sync(file)
    sync(new)
    if not path.is_dir():
        os.replace(new, path)
    elif _exchange(new, path):
        sync(path.parent)
        shutil.rmtree(new)
    else:
        aside = _neighbour(path, _ASIDE)
        os.replace(path, aside)
        try:
            os.replace(new, path)
        except BaseException:
            os.replace(aside, path)
            raise
        sync(path.parent)
        shutil.rmtree(aside)
    sync(path.parent)


def remove_leftovers(folder: Path, of: str | None = None, *, anybodys: bool = False) -> None:
    """Remove what killed processes left half-written in a folder, and put back what they had put aside.

    Args:
        folder: its entries, not those of its subfolders.
        of: only what was to become the entry of this name.
        anybodys: also of processes elsewhere, or of this one; for a folder that nobody else writes to.
    """
    for path in list(folder.iterdir()):
        found = _LEFTOVER.fullmatch(path.name)
        if found is None or of not in (None, found["name"]):
            continue
        if not (anybodys or mark_is_gone(found["mark"])):
            continue
        whole = folder / found["name"]
        with suppress(FileNotFoundError):  # another process does the same
            if found["aside"] and not whole.exists():
                os.replace(path, whole)
            elif path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, on the disk itself when this returns."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync(folder.parent)


def sync(path: Path) -> None:
    """Have a file, or the entries of a folder, on the disk itself when this returns."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _neighbour(path: Path, kind: str = "") -> Path:
    return path.with_name(f"{path.name}.{Process.this().mark}-{next(_NUMBERS)}{kind}{PARTIAL}")


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; False where the system can't."""
    try:
        renameat2 = ctypes.CDLL(None).renameat2
    except (OSError, AttributeError):
        return False
    places = (_CURRENT_FOLDER, os.fsencode(one), _CURRENT_FOLDER, os.fsencode(other))
    return bool(renameat2(*places, ctypes.c_uint(_EXCHANGE)) == 0)
