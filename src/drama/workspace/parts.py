"""Parts of a stage with a mark of their own: what they were made from.

A change of the settings redoes a whole stage. A stage whose parts take hours each claims them instead: a part
whose own mark is unchanged is taken over from the earlier results. The mark is in `<part>.mark`.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from drama.files import make_folder, write_text
from drama.workspace.previous import places

_MARK = ".mark"


def claim_part(folder: Path, name: str, entries: Sequence[str], mark: str) -> None:
    """Leave in the stage's folder what was made from `mark`, and nothing else, under the part's entries.

    Args:
        folder: of the stage, which is open.
        name: of the part: a path in the folder.
        entries: files and folders of the part, paths in the folder; some of them may not exist.
        mark: what the part depends on, as a fingerprint.
    """
    own = folder / (name + _MARK)
    if _read(own) != mark:
        for entry in entries:
            _remove(folder / entry)
        make_folder(own.parent)
        write_text(own, mark)
    for place in places(folder):
        if _read(place / (name + _MARK)) != mark:
            continue
        for entry in entries:
            if (place / entry).exists() and not (folder / entry).exists():
                make_folder((folder / entry).parent)
                os.replace(place / entry, folder / entry)


def recall(folder: Path, name: str) -> None:
    """Copy a file from the earlier results that have it, unless the stage has its own."""
    for place in places(folder):
        if (place / name).is_file() and not (folder / name).exists():
            write_text(folder / name, (place / name).read_text(encoding="utf-8"))


def _read(mark: Path) -> str | None:
    return mark.read_text(encoding="utf-8") if mark.is_file() else None


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
