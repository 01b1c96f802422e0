"""Reading a run's folder for the report."""

from pathlib import Path
from typing import Any, NamedTuple

from drama.errors import FileError
from drama.files import read_json
from drama.files.checksums import read_sealed_json
from drama.files.reading import read_text
from drama.workspace import Manifest, outdated, read_events, read_manifest
from drama.workspace.runs import RECIPE

STAGES = ("corpus", "prune", "augment", "pseudo", "train", "evaluate", "index", "quality", "search")


class RunFiles(NamedTuple):
    """Everything a report shows; absent parts are empty."""

    manifests: dict[str, Manifest]
    results: list[dict[str, Any]]
    events: dict[str, list[dict[str, Any]]]
    examples: list[dict[str, Any]]
    quality: dict[str, Any]
    """`quality.json`: the verdict, and rows of systems on pseudo-queries."""
    maps: dict[str, list[dict[str, Any]]]
    """Heat maps by the folder that holds them, as `prune/round-1`."""
    recipe: str
    outdated: list[str]
    """Stages whose inputs have changed since: of another model or corpus than the one that is there now. All
    else leaves them out."""

    @property
    def warning(self) -> str:
        """What is said of them; empty where there are none."""
        if not self.outdated:
            return ""
        stages = ", ".join(self.outdated)
        return f"out of date, and not shown: {stages}. What was read has changed since; run the recipe again"


def read_run(folder: Path) -> RunFiles:
    """Read a run's folder.

    Raises:
        FileError: it is not the folder of a run.
    """
    manifests = {s: m for s in STAGES if (m := read_manifest(folder / s)) is not None}
    if not manifests:
        raise FileError(folder, "holds no run", hint="name the folder that `drama run` filled")
    old = outdated(folder, manifests)
    results = _json(folder / "evaluate" / "results.json", {"results": []})
    if not isinstance(results, dict) or not isinstance(results.get("results"), list):
        raise FileError(folder / "evaluate" / "results.json", "holds no results", hint="evaluate again")
    events = {
        s: read_events(folder / s / "events.jsonl")
        for s in ("prune", "train")
        if s not in old and (folder / s / "events.jsonl").is_file()
    }
    pages = (p.relative_to(folder) for p in sorted(folder.glob("*/*/maps.json")))
    maps = {
        str(page.parent): read_sealed_json(folder / page)["maps"]
        for page in pages
        if page.parts[0] not in old
    }
    recipe = folder / RECIPE
    return RunFiles(
        {name: manifest for name, manifest in manifests.items() if name not in old},
        [] if "evaluate" in old else results["results"],
        events,
        [] if "search" in old else _json(folder / "search" / "examples.json", []),
        {} if "quality" in old else _json(folder / "quality" / "quality.json", {}),
        maps,
        read_text(recipe) if recipe.is_file() else "",
        old,
    )


def _json(path: Path, otherwise: Any) -> Any:
    return read_json(path) if path.is_file() else otherwise
