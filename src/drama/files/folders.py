"""What is in a folder, whatever is linked to where."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

HIDDEN = "hidden"
"""The reason for what has a name that begins with a dot."""


def _ignore(path: Path, reason: str) -> None:
    """Take no note of what is left out."""


def walk(
    folder: Path, hidden: bool = True, leave_out: Callable[[Path, str], object] = _ignore
) -> Iterator[Path]:
    """The files in a folder and below, by name; links to folders are followed, no folder is read twice.

    Args:
        folder: where to begin.
        hidden: also files and folders whose names begin with a dot.
        leave_out: called with the path and a reason for each link that leads nowhere or to a folder that is
            read anyway, for each device or pipe, and for what is hidden (a folder once, without what is in
            it); default: they are silently left out.
    """

    def entries(inner: Path) -> Iterator[Path]:
        for name in sorted(path.name for path in inner.iterdir()):
            if hidden or name[0] != ".":
                yield inner / name
            else:
                leave_out(inner / name, HIDDEN)

    root = Path(os.path.realpath(folder))
    seen = {_inode(root)}
    waiting = [entries(folder)]
    while waiting:
        path = next(waiting[-1], None)
        if path is None:
            waiting.pop()
        elif path.is_symlink() and not path.exists():
            leave_out(path, "broken link")
        elif path.is_file():
            yield path
        elif not path.is_dir():
            leave_out(path, "neither a file nor a folder")
        elif _inode(path) in seen or (path.is_symlink() and _read_anyway(path, root, hidden)):
            leave_out(path, "link to a folder that is read anyway")
        else:
            seen.add(_inode(path))
            waiting.append(entries(path))


def _inode(path: Path) -> tuple[int, int]:
    about = path.stat()
    return about.st_dev, about.st_ino


def _read_anyway(link: Path, root: Path, hidden: bool) -> bool:
    """Whether a linked folder is in the root under its own name, or holds the root."""
    target = Path(os.path.realpath(link))
    if not target.is_relative_to(root):
        return root.is_relative_to(target)
    return hidden or not any(name.startswith(".") for name in target.relative_to(root).parts)
