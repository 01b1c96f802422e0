"""Reading a run's folder for the report."""

from pathlib import Path
from typing import Any, NamedTuple

from drama.errors import FileError
from drama.files import read_json
from drama.files.checksums import read_sealed_json
from drama.files.reading import read_text
from drama.workspace import Manifest, read_events, read_manifest

STAGES = ("corpus", "prune", "augment", "train", "evaluate", "index", "search")


class RunFiles(NamedTuple):
    """Everything a report shows; absent parts are empty."""

    manifests: dict[str, Manifest]
    results: list[dict[str, Any]]
    events: dict[str, list[dict[str, Any]]]
    examples: list[dict[str, Any]]
    maps: dict[str, list[dict[str, Any]]]
    """Heat maps by the folder that holds them, as `prune/round-1`."""
    recipe: str


def read_run(folder: Path) -> RunFiles:
    """Read a run's folder.

    Raises:
        FileError: it is not the folder of a run.
    """
    manifests = {s: m for s in STAGES if (m := read_manifest(folder / s)) is not None}
    if not manifests:
        raise FileError(folder, "holds no run", hint="name the folder that `drama run` filled")
    results = _json(folder / "evaluate" / "results.json", {"results": []})
    if not isinstance(results, dict) or not isinstance(results.get("results"), list):
        raise FileError(folder / "evaluate" / "results.json", "holds no results", hint="evaluate again")
    events = {
        s: read_events(folder / s / "events.jsonl")
        for s in ("prune", "train")
        if (folder / s / "events.jsonl").is_file()
    }
    maps = {
        str(p.parent.relative_to(folder)): read_sealed_json(p)["maps"]
        for p in sorted(folder.glob("*/*/maps.json"))
    }
    recipe = folder / "recipe.yaml"
    return RunFiles(
        manifests,
        results["results"],
        events,
        _json(folder / "search" / "examples.json", []),
        maps,
        read_text(recipe) if recipe.is_file() else "",
    )


def _json(path: Path, otherwise: Any) -> Any:
    return read_json(path) if path.is_file() else otherwise
