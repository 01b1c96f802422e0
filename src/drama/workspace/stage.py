"""A stage and its folder: skipped if complete, resumed if cut off; a manifest records it.

    with open_stage(out, "augment", settings, inputs={"passages": path}, seed=13) as run:
        if run.done:
            return run.manifest
        ...
        run.count("ok"); run.count("too short", 3)
        run.figures["queries"] = 812

A stage is *done* when its manifest is complete and was made from the same settings, inputs and seed. A
folder whose manifest says `running` with the same fingerprint was cut off: the stage finds its complete
shards there and resumes. A folder of the same stage with other settings or inputs is cleared first, with a
note. A folder with other files and no manifest, or with another stage's results, is refused.
"""

import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from drama.console import note
from drama.errors import FileError
from drama.files import fingerprint, fingerprint_path, write_json
from drama.settings import Section
from drama.workspace import manifest as manifests
from drama.workspace.manifest import MANIFEST, Manifest, read_manifest


@dataclass(frozen=True)
class Needs:
    """What a stage needs that no earlier stage makes: the result of its settings' `needs()`, which
    `drama.recipe.check` checks before a run begins."""

    models: Sequence[str] = ()
    """Names, as `drama.models.resolve` takes them."""
    extras: Sequence[tuple[str, str]] = ()
    """(library, extra of drama-retrieval that installs it)."""
    collections: Sequence[tuple[str, str]] = ()
    """(BEIR folder, split): corpus, queries and judgments are read."""
    judgments: Sequence[tuple[str, str]] = ()
    """(BEIR folder, split): queries and judgments are read, and no corpus."""


@dataclass
class StageRun:
    """The run of a stage, as the stage sees it."""

    folder: Path
    manifest: Manifest
    done: bool
    """The stage was completed here before, with the same inputs: nothing to do."""
    resumed: bool
    """The stage was cut off here before; complete shards may be reused."""
    counts: Counter[str] = field(default_factory=Counter)
    figures: dict[str, Any] = field(default_factory=dict)

    def count(self, outcome: str, n: int = 1) -> None:
        """Add n rows to an outcome; every dropped row has an outcome."""
        self.counts[outcome] += n


@contextmanager
def open_stage(
    folder: Path,
    stage: str,
    settings: Section,
    inputs: Mapping[str, Path],
    seed: int = 0,
    *,
    unhashed: Collection[str] = (),
    keep: Collection[str] = (),
    revision: str = "",
) -> Iterator[StageRun]:
    """Open a stage's folder; see the module's docstring.

    Args:
        folder: where the stage writes; created if absent.
        stage: its name, for the manifest and the messages.
        settings: the stage's section of the recipe.
        inputs: name → file or folder that the stage reads; hashed by content. A complete stage's
            folder is identified by its manifest's fingerprint, not by its bytes.
        seed: the recipe's seed.
        unhashed: keys of the section that don't change the results, such as a server's retries.
        keep: names in the folder that survive changed settings: their content is looked up by its hash.
        revision: what the results depend on besides settings and inputs, such as a list of measures.

    Raises:
        FileError: an input is missing, or the folder is not empty and not this stage's.
    """
    hashes = {name: identity(path) for name, path in inputs.items()}
    values = settings.model_dump(mode="json", exclude={*unhashed})
    mark = fingerprint([stage, values, hashes, seed, *([revision] if revision else [])])
    before = read_manifest(folder)
    if before is None and folder.is_dir() and any(folder.iterdir()):
        raise FileError(
            folder,
            "the folder is not empty and was not made by drama",
            hint="name another output folder, or empty this one",
        )
    if before is not None and before.stage != stage:
        raise FileError(
            folder, f"holds the results of the stage '{before.stage}'", hint="name another output folder"
        )
    same = before is not None and before.fingerprint == mark
    if same and before is not None and before.status == "complete":
        note(f"{stage}: unchanged, skipped ({folder})")
        yield StageRun(folder, before, True, False, Counter(before.counts), dict(before.figures))
        return
    if before is not None and not same:
        changed = [*_differing(before.settings, values), *_differing(before.inputs, hashes)]
        why = f" have changed ({', '.join(changed[:5])})" if changed else " have changed"
        note(f"{stage}: settings or inputs{why}, redone ({folder})")
        _clear(folder, before, keep)
    folder.mkdir(parents=True, exist_ok=True)
    now = Manifest(
        stage=stage,
        status="running",
        fingerprint=mark,
        settings=settings.model_dump(mode="json"),
        inputs=hashes,
        paths={name: str(path.resolve()) for name, path in inputs.items()},
        seed=seed,
        command=manifests.command(),
        versions=manifests.versions(),
        machine=manifests.machine(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        seconds=before.seconds if same and before is not None else 0.0,
    )
    write_json(folder / MANIFEST, now.model_dump())
    if same:
        note(f"{stage}: resuming in {folder}")
    run = StageRun(folder, now, False, same)
    begin = time.monotonic()

    def seconds() -> float:
        return round(time.monotonic() - begin + now.seconds, 2)

    try:
        yield run
    except BaseException:  # an error or Ctrl-C: the time spent so far counts when the stage resumes
        write_json(folder / MANIFEST, now.model_copy(update={"seconds": seconds()}).model_dump())
        raise
    run.manifest = now.model_copy(
        update={
            "status": "complete",
            "seconds": seconds(),
            "counts": dict(run.counts),
            "figures": run.figures,
        }
    )
    write_json(folder / MANIFEST, run.manifest.model_dump())


def _differing(before: Mapping[str, Any], now: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Names of the values that differ, of sections by their keys: `crop.titles`."""
    for key in now:
        old, new = before.get(key), now[key]
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differing(old, new, f"{where}{key}.")
        elif old != new:
            yield f"{where}{key}"


def _clear(folder: Path, before: Manifest, keep: Collection[str]) -> None:
    """Remove all but `keep` and the manifest, which marks the folder as this stage's: if this is cut off, the
    stage no longer counts as complete."""
    write_json(folder / MANIFEST, before.model_copy(update={"status": "running"}).model_dump())
    for path in folder.iterdir():
        if path.name in (*keep, MANIFEST):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def identity(path: Path) -> str:
    """The fingerprint of an input: of its bytes, or of a complete stage's manifest."""
    if path.is_dir():
        manifest = read_manifest(path)
        if manifest is not None and manifest.status == "complete":
            return manifest.fingerprint
    return fingerprint_path(path)
