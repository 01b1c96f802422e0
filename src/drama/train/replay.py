"""Repeat a run with the settings, seed and inputs in its manifest, and compare bit for bit."""

from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

from drama.errors import FileError
from drama.retriever import Retriever
from drama.train.settings import TrainSettings
from drama.train.stage import train
from drama.workspace import Manifest, identity, read_events, read_manifest


class Replay(NamedTuple):
    """A run compared with its repetition."""

    steps: int
    """Steps of the run."""
    first_difference: int | None
    """The first step whose loss differs, or that one of the two does not have."""
    same_weights: bool
    """Whether the models are the same, bit for bit."""
    changed: list[str]
    """Versions and machine, where they differ."""


def replay(folder: Path, out: Path) -> Replay | None:
    """Repeat the finished run in `folder`. With several processes, all but the main one return None.

    Raises:
        FileError: the folder holds no finished training, or an input is missing or has changed.
    """
    was = read_manifest(folder)
    if was is None or was.stage != "train" or was.status != "complete":
        raise FileError(folder, "no finished training here", hint="name the folder with its manifest.json")
    if was.paths.keys() != was.inputs.keys():
        raise FileError(folder, "the manifest has no paths of its inputs: it is of an earlier version")
    if out.resolve() == folder.resolve():
        raise FileError(out, "holds the run itself", hint="name another output folder")
    paths = {name: Path(path) for name, path in was.paths.items()}
    for name, path in paths.items():
        if identity(path) != was.inputs[name]:
            raise FileError(path, f"has changed since the run, whose input '{name}' it was")
    settings = _with_input_paths(was.settings, paths)
    inputs = (paths["backbone"], paths["passages"], paths["examples"])
    now = train(settings, *inputs, out, was.seed, paths.get("teacher"), paths.get("held_out"))
    if now.status != "complete":
        return None
    losses, again = ([e["loss"] for e in read_events(place / "events.jsonl")] for place in (folder, out))
    steps = enumerate(zip_longest(losses, again), start=1)
    first = next((step for step, (one, other) in steps if one != other), None)
    models = [Retriever.load(place / "model").fingerprint for place in (folder, out)]
    return Replay(len(losses), first, models[0] == models[1], _changes(was, now))


def _with_input_paths(values: dict[str, Any], paths: dict[str, Path]) -> TrainSettings:
    """Collections by their absolute paths: the run may have been started in another folder."""
    changes: dict[str, Any] = {}
    if "validation" in paths:
        changes["validation"] = values["validation"] | {"collection": str(paths["validation"])}
    if leaks := values.get("leaks"):
        places = [str(paths[f"queries of {name}"].parent) for name in leaks["collections"]]
        changes["leaks"] = leaks | {"collections": places}
    return TrainSettings.parse(values | changes, "train")


def _changes(was: Manifest, now: Manifest) -> list[str]:
    before, after = was.versions | was.machine, now.versions | now.machine
    return [
        f"{name}: {before.get(name)} → {after.get(name)}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
