"""What a stage left in its folder: the list in its manifest, and whether the files are still those."""

from collections.abc import Collection, Iterator
from pathlib import Path

from drama.errors import FileError
from drama.files import LOCK, PARTIAL, fingerprint_path, sha256, sync
from drama.workspace.manifest import MANIFEST, Manifest, Output, is_manifest, read_manifest
from drama.workspace.previous import PREVIOUS

_LEVELS = 4
"""How far above an input its stage's manifest is looked for."""


def list_outputs(folder: Path, left_out: Collection[Path]) -> dict[str, Output]:
    """The files of a stage's folder with their sizes and hashes; all of them are on the disk itself then.

    Args:
        folder: of the stage.
        left_out: files and folders that are no outputs.
    """
    files = sorted(files_of(folder, left_out))
    for path in [*files, *{file.parent for file in files}]:
        sync(path)
    return {
        file.relative_to(folder).as_posix(): Output(bytes=file.stat().st_size, sha256=sha256(file))
        for file in files
    }


def files_of(folder: Path, left_out: Collection[Path]) -> Iterator[Path]:
    """The files in a stage's folder, without the manifest and what the workspace itself keeps there."""
    skipped = {*left_out, folder / PREVIOUS}
    for path in folder.iterdir():
        if path in skipped or path.name in (MANIFEST, LOCK) or path.name.endswith(PARTIAL):
            continue
        if path.is_dir():
            yield from files_of(path, skipped)
        else:
            yield path


def check_sizes(folder: Path, manifest: Manifest) -> None:
    """Check that a complete stage's files are there, without reading them.

    Raises:
        FileError: one is missing, or has another size than the stage left it with.
    """
    for name, output in manifest.outputs.items():
        path = folder / name
        if not path.is_file():
            raise _error(path, folder, manifest, "is missing")
        if path.stat().st_size != output.bytes:
            raise _error(path, folder, manifest, f"has {path.stat().st_size} bytes instead of {output.bytes}")


def identity(path: Path) -> str:
    """The fingerprint of an input: of its bytes, or of a complete stage's manifest.

    Raises:
        FileError: it does not exist, or is not what the stage that made it left there.
    """
    manifest = _manifest_in(path)
    if manifest is not None and manifest.status == "complete":
        return manifest.fingerprint
    check_content(path)
    return fingerprint_path(path)


def check_content(path: Path) -> None:
    """Compare a file or folder with the manifest of the stage that made it, where a stage did.

    Raises:
        FileError: a file is missing, or its content is another.
    """
    place = path.absolute()
    for folder in [place, *place.parents][:_LEVELS]:
        manifest = _manifest_in(folder)
        if manifest is not None:
            if manifest.status == "complete":
                _check(path, folder, manifest)
            return


def _manifest_in(folder: Path) -> Manifest | None:
    """The manifest in a folder that may be anybody's."""
    return read_manifest(folder) if is_manifest(folder / MANIFEST) else None


def _check(path: Path, folder: Path, manifest: Manifest) -> None:
    within = path.absolute().relative_to(folder).as_posix()
    for name, output in manifest.outputs.items():
        if within not in (".", name) and not name.startswith(f"{within}/"):
            continue
        file = folder / name
        if not file.is_file():
            raise _error(file, folder, manifest, "is missing")
        if sha256(file) != output.sha256:
            raise _error(file, folder, manifest, "has other content")


def _error(file: Path, folder: Path, manifest: Manifest, what: str) -> FileError:
    is_there = file.is_file()
    left = f"what the stage '{manifest.stage}' left"
    return FileError(
        file,
        f"is damaged or was changed by hand: it {what}, and is not {left}"
        if is_there
        else f"is missing from {left}",
        hint=f"put it back, or remove {folder} to redo the stage; a version of your own belongs in another "
        "folder",
    )
