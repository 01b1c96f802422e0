"""Which stages of a run were made from what is no longer there."""

from collections.abc import Mapping
from pathlib import Path

from drama.errors import FileError
from drama.workspace.manifest import Manifest
from drama.workspace.outputs import identity


def outdated(run: Path, manifests: Mapping[str, Manifest]) -> list[str]:
    """The stages with an input that has changed since, or that such a stage made.

    A run that was interrupted leaves some behind, and so does a recipe that leaves out a stage it had before.

    Args:
        run: the folder of the run; inputs outside it are not looked at.
        manifests: of its stages, in their order, by the names of their folders.
    """
    root = run.resolve()
    found: list[str] = []
    for name, manifest in manifests.items():
        for key, path in manifest.paths.items():
            if not Path(path).is_relative_to(root):
                continue
            maker = Path(path).relative_to(root).parts[0]
            if maker in found or _has_changed(Path(path), manifest.inputs[key], manifests.get(maker)):
                found.append(name)
                break
    return found


def _has_changed(path: Path, before: str, maker: Manifest | None) -> bool:
    try:
        return identity(path) != before
    except FileError:  # missing or damaged: removed to save space, or not made yet
        return maker is None or maker.status != "complete"
