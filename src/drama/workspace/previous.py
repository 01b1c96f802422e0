"""Earlier results of a stage that is redone: kept in `.previous/` until the new ones are complete.

A mistake in new settings may show only once the stage runs; it must not cost the results of the old ones. The
earlier results are moved aside, one rename an entry, and deleted when the new manifest is complete. Until
then they can be put back: after a failure before anything was made, or when the earlier settings return.

Two are kept at most: the last complete results, and the last ones that were cut off. A kill anywhere is
mended at the next opening: while the folder's manifest is the same as that of moved results, they are moved
back.
"""

import os
import shutil
from collections.abc import Collection
from pathlib import Path

from drama.files import LOCK, make_folder, sync
from drama.workspace.manifest import MANIFEST, Manifest, read_manifest, write_manifest

PREVIOUS = ".previous"


def set_aside(folder: Path, manifest: Manifest, keep: Collection[str]) -> None:
    """Move all entries but those named in `keep` to `.previous/`.

    The manifest stays for the caller to replace, which is when the move is done.
    """
    place = _place(folder, manifest)
    make_folder(place)
    write_manifest(place, manifest)
    for entry in entries(folder, keep):
        os.replace(entry, place / entry.name)
    sync(place)
    sync(folder)


def put_back(folder: Path, manifest: Manifest) -> None:
    """Move what `set_aside` moved back; nothing else may be in the folder."""
    place = _place(folder, manifest)
    write_manifest(folder, manifest)
    for entry in entries(place, ()):
        os.replace(entry, folder / entry.name)
    sync(folder)
    shutil.rmtree(place)
    if not any((folder / PREVIOUS).iterdir()):
        (folder / PREVIOUS).rmdir()


def is_moving(folder: Path, manifest: Manifest) -> bool:
    """Whether a move of the results with the folder's own manifest was cut off."""
    return (_place(folder, manifest) / MANIFEST).is_file()


def earlier(folder: Path) -> list[Manifest]:
    """The manifests of the results in `.previous/`, the complete one first."""
    place = folder / PREVIOUS
    found = [read_manifest(path) for path in place.iterdir()] if place.is_dir() else []
    return sorted((m for m in found if m is not None), key=lambda m: m.status)


def forget(folder: Path, but: Collection[str] = ()) -> None:
    """Delete earlier results, but those with these fingerprints."""
    place = folder / PREVIOUS
    if not place.is_dir():
        return
    for path in place.iterdir():
        if path.name not in but:
            (path / MANIFEST).unlink(missing_ok=True)  # first: what a kill leaves is then no result
            shutil.rmtree(path)
    if not any(place.iterdir()):
        place.rmdir()


def places(folder: Path) -> list[Path]:
    """The folders of earlier results."""
    return [_place(folder, manifest) for manifest in earlier(folder)]


def kept(folder: Path) -> set[str]:
    """The fingerprints of what stays in `.previous/` of a complete stage: a run that was cut off, whose
    settings may return. Beside complete results nothing stays: their deletion was cut off.
    """
    found = earlier(folder)
    return set() if any(m.status == "complete" for m in found) else {m.fingerprint for m in found}


def _place(folder: Path, manifest: Manifest) -> Path:
    return folder / PREVIOUS / manifest.fingerprint


def entries(folder: Path, keep: Collection[str]) -> list[Path]:
    """All of a stage's folder but what survives in its place."""
    return [path for path in folder.iterdir() if path.name not in (*keep, MANIFEST, PREVIOUS, LOCK)]
