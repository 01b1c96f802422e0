"""The folders of runs: what is in them, and what can go."""

import shutil
from pathlib import Path
from typing import NamedTuple

from drama.errors import FileError
from drama.files import writing
from drama.workspace.manifest import read_manifest
from drama.workspace.previous import PREVIOUS

RECIPE = "recipe.yaml"
"""In the folder of a run: its recipe."""
_STAGES = ("corpus", "prune", "augment", "pseudo", "train", "evaluate", "index", "quality", "search")
_KEPT = "embeddings"


class RunRow(NamedTuple):
    """A run in a list."""

    name: str
    when: str
    """When its last stage ended."""
    state: str
    passages: str
    model: str
    mb: float
    cleanable: float
    """Megabytes that `clean_run` frees."""


def list_runs(folder: Path) -> list[RunRow]:
    """The runs in a folder, by name."""
    return [_row(path) for path in sorted(folder.iterdir()) if (path / RECIPE).is_file()]


def clean_run(run: Path, embeddings: bool = False, dry_run: bool = False) -> dict[str, float]:
    """Delete a run's earlier results. Returns the places, and their megabytes.

    Args:
        run: the folder of a run.
        embeddings: delete the kept vectors and answers too.
        dry_run: delete nothing.

    Raises:
        FileError: not a run, or another process is writing to it.
    """
    if not (run / RECIPE).is_file():
        raise FileError(run, f"holds no {RECIPE}", hint="give the folder of a run")
    places = _cleanable(run) + ([run / _KEPT] if embeddings and (run / _KEPT).is_dir() else [])
    found = {str(place.relative_to(run)): _megabytes(place) for place in places}
    if not dry_run:
        with writing(run):
            for place in places:
                shutil.rmtree(place)
    return found


def _row(run: Path) -> RunRow:
    manifests = {stage: m for stage in _STAGES if (m := read_manifest(run / stage)) is not None}
    running = [stage for stage, manifest in manifests.items() if manifest.status != "complete"]
    complete = "search" in manifests and not running
    last = max((m.started for m in manifests.values()), default="")
    state = "complete" if complete else f"cut off in {running[0]}" if running else "not finished"
    index, train = manifests.get("index"), manifests.get("train")
    prune = manifests.get("prune")
    parent = Path(str(prune.settings.get("parent", ""))).name if prune is not None else ""
    steps = train.settings.get("steps", 0) if train is not None else 0
    model = f"{parent}, {steps} steps" if steps else parent
    return RunRow(
        run.name,
        last[:16].replace("T", " "),
        state,
        f"{index.figures.get('documents', 0):,}" if index is not None else "",
        model,
        _megabytes(run),
        sum(map(_megabytes, _cleanable(run))),
    )


def _cleanable(run: Path) -> list[Path]:
    return [place for stage in sorted(run.iterdir()) if (place := stage / PREVIOUS).is_dir()]


def _megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6
