"""Parts of a stage with a mark of their own: what they were made from.

A change of the settings redoes a whole stage. A stage whose parts take hours each claims them instead: a part
whose own mark is unchanged is taken over from the earlier results. The mark is in `<part>.mark`.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from drama.files import atomic_file, atomic_folder, write_text
from drama.workspace.previous import places

_MARK = ".mark"


def claim_part(
    folder: Path, name: str, entries: Sequence[str], mark: str, beside: Sequence[str] = ()
) -> None:
    """Leave in the stage's folder what was made from `mark`, and nothing else, under the part's entries.

    Args:
        folder: of the stage, which is open.
        name: of the part: a path in the folder.
        entries: files and folders of the part, paths in the folder; some of them may not exist.
        mark: what the part depends on, as a fingerprint.
        beside: files that come with a part that is taken over, such as a log.
    """
    own = folder / (name + _MARK)
    if _read(own) != mark:
        own.unlink(missing_ok=True)  # first: what a kill leaves of the entries was then made from nothing
        for entry in entries:
            _remove(folder / entry)
        write_text(own, mark)
    for place in places(folder):
        if _read(place / (name + _MARK)) != mark:
            continue
        taken = [e for e in entries if (place / e).exists() and not (folder / e).exists()]
        for entry in [*taken, *(each for each in beside if taken and (place / each).exists())]:
            _copy(place / entry, folder / entry)


def _read(mark: Path) -> str | None:
    return mark.read_bytes().decode("utf-8", "replace") if mark.is_file() else None


def _copy(source: Path, target: Path) -> None:
    """Copy by hard links: files that are complete are replaced and never changed, and the earlier results
    may come back."""
    if source.is_dir():
        with atomic_folder(target) as partial:
            shutil.copytree(source, partial, dirs_exist_ok=True, copy_function=_link)
    else:
        with atomic_file(target) as partial:
            _link(source, partial)


def _link(source: str | Path, target: str | Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
