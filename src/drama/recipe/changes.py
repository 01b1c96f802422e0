"""What a changed recipe makes anew, and what it cost last time."""

from pathlib import Path

from drama.console import duration, note
from drama.errors import DramaError
from drama.recipe.recipe import Recipe
from drama.settings import Section, read_yaml
from drama.workspace import read_manifest

_READERS = {
    "corpus": ("prune", "augment", "pseudo", "train", "evaluate", "index", "quality", "search"),
    "prune": ("train", "evaluate", "index", "quality", "search"),
    "augment": ("pseudo", "train", "evaluate", "index", "quality", "search"),
    "quality": ("pseudo", "train", "evaluate", "index", "search"),
    "train": ("evaluate", "index", "quality", "search"),
    "evaluate": ("quality",),
    "index": ("quality", "search"),
    "search": (),
}
"""Section → the stages that depend on its stage, which they read directly or by way of others."""
_ORDER = ("corpus", "prune", "augment", "pseudo", "train", "evaluate", "index", "quality", "search")


def say_what_changes(recipe: Recipe, folder: Path, saved: Path) -> None:
    """Say which settings differ from those of last time, which stages they make anew, and how long these
    took."""
    if not saved.is_file() or read_manifest(folder / "corpus") is None:
        return
    before = read_yaml(saved)
    changed = {
        name: paths
        for name in _READERS
        if (paths := _differences(getattr(recipe, name), before.get(name), name))
    }
    anew = {*changed, *(stage for name in changed for stage in _READERS[name])}
    if before.get("seed") != recipe.seed:
        changed["seed"] = [f"seed: {before.get('seed')} → {recipe.seed}"]
        anew = {*_ORDER}
    if not changed:
        return
    stages = [stage for stage in _ORDER if stage in anew and read_manifest(folder / stage) is not None]
    seconds = sum(m.seconds for stage in stages if (m := read_manifest(folder / stage)) is not None)
    what = "; ".join(path for paths in changed.values() for path in paths)
    note(
        f"changed: {what}. Made anew: {', '.join(stages)}, as far as they read it; that took "
        f"{duration(seconds)} last time. What there is stays until then"
    )


def _differences(section: Section, before: object, where: str) -> list[str]:
    """The keys of a section that count and differ, with both values."""
    now = section.model_dump(mode="json")
    try:
        old = type(section).parse(before if isinstance(before, dict) else {}, where)
    except DramaError:  # all of it may differ
        return [f"{where}: was written by another version"]
    if section.identity() == old.identity():
        return []
    return _keys(old.model_dump(mode="json"), now, where)


def _keys(old: object, now: object, where: str) -> list[str]:
    if isinstance(old, dict) and isinstance(now, dict):
        return [p for key in now for p in _keys(old.get(key), now[key], f"{where}.{key}")]
    return [] if old == now else [f"{where}: {_short(old)} → {_short(now)}"]


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
