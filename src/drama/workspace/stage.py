"""A stage and its folder: skipped if complete, resumed if cut off; a manifest records it.

    with open_stage(out, "augment", settings, inputs={"passages": path}, seed=13, revision=1) as run:
        if run.done:
            return run.manifest
        ...
        run.count("ok"); run.count("too short", 3)
        run.figures["queries"] = 812

A stage is *done* when its manifest is complete, was made by the same revision of the stage from the same
settings, inputs and seed, and its files are there. A folder whose manifest says `running` with the same
fingerprint was cut off: the stage finds its complete shards there and resumes. The results of other settings
or inputs are moved aside first, with a note, and deleted when the new ones are complete
(`drama.workspace.previous`). A folder with other files and no manifest, with another stage's results, or that
another process is writing to, is refused.

Deleting comes last: what only a resumed run needs (`scratch`) goes when the complete manifest is on disk.
"""

import shutil
import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from drama.console import note
from drama.errors import FileError
from drama.files import LOCK, PARTIAL, fingerprint, remove_leftovers, writing
from drama.settings import Section
from drama.workspace import manifest as manifests
from drama.workspace import previous
from drama.workspace.manifest import MANIFEST, Manifest, read_manifest, write_manifest
from drama.workspace.outputs import check_content, check_sizes, files_of, identity, list_outputs


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
    revision: int = 1,
    keep: Collection[str] = (),
    scratch: Collection[str] = (),
    spare: Collection[str] = (),
    also: str = "",
) -> Iterator[StageRun]:
    """Open a stage's folder; see the module's docstring.

    Args:
        folder: where the stage writes; created if absent.
        stage: its name, for the manifest and the messages.
        settings: the stage's section of the recipe; keys marked `SameResult` don't count.
        inputs: name → file or folder that the stage reads; hashed by content. A complete stage's
            folder is identified by its manifest's fingerprint, not by its bytes.
        seed: the recipe's seed.
        revision: of the stage's code: its author raises it when the same inputs give other results.
        keep: names in the folder that survive changed settings: their content is looked up by its hash.
        scratch: patterns of what only a resumed run needs; deleted when the stage is complete.
        spare: patterns of what a later run may use but is not an output; it may be removed.
        also: what the results depend on besides settings and inputs, such as a list of measures.

    Raises:
        FileError: an input is missing or damaged; the folder is not empty and not this stage's, can't be
            written, is being written by another process, or holds a file that has changed since.
    """
    hashes = {name: identity(path) for name, path in inputs.items()}
    now = Manifest(
        stage=stage,
        revision=revision,
        status="running",
        fingerprint=fingerprint([stage, revision, settings.identity(), hashes, seed, also]),
        settings=settings.model_dump(mode="json"),
        inputs=hashes,
        paths={name: str(path.resolve()) for name, path in inputs.items()},
        seed=seed,
        command=manifests.command(),
        versions=manifests.versions(),
        machine=manifests.machine(),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    opening = _Opening(folder, now, settings, keep, scratch, spare)
    before = opening.before()
    if (
        opening.is_done(before) and not opening.has_leftovers()
    ):  # nothing is written: the folder may be read-only
        yield opening.skipped(before)
        return
    with writing(folder):
        run = opening.open()
        if run.done:
            yield run
            return
        begin = time.monotonic()
        try:
            for path in inputs.values():
                check_content(path)
            yield run
        except BaseException:  # an error or Ctrl-C
            with suppress(OSError, FileError):  # the disk may be full: that is being said already
                opening.stopped(run, time.monotonic() - begin)
            raise
        opening.completed(run, time.monotonic() - begin)


@dataclass(frozen=True)
class _Opening:
    """One run of a stage and its folder."""

    folder: Path
    now: Manifest
    settings: Section
    keep: Collection[str]
    scratch: Collection[str]
    spare: Collection[str]

    def before(self) -> Manifest | None:
        """This stage's manifest that is there; other folders are refused."""
        found = read_manifest(self.folder)
        if found is None and self.folder.is_dir() and not all(map(_is_ours, self.folder.iterdir())):
            raise FileError(
                self.folder,
                "the folder is not empty and was not made by drama",
                hint="name another output folder, or empty this one",
            )
        if found is not None and found.stage != self.now.stage:
            raise FileError(
                self.folder,
                f"holds the results of the stage '{found.stage}'",
                hint="name another output folder",
            )
        return found

    def is_done(self, before: Manifest | None) -> bool:
        """Whether the stage is complete, all of its files in their places."""
        if before is None or (before.fingerprint, before.status) != (self.now.fingerprint, "complete"):
            return False
        if previous.is_moving(self.folder, before):
            return False
        check_sizes(self.folder, before)
        return True

    def has_leftovers(self) -> bool:
        """Whether a kill came before all was deleted that a complete stage does not need."""
        place, kept = self.folder / previous.PREVIOUS, previous.kept(self.folder)
        earlier = place.iterdir() if place.is_dir() else ()
        return bool(self._matching(self.scratch)) or any(path.name not in kept for path in earlier)

    def _matching(self, patterns: Iterable[str]) -> list[Path]:
        return [path for pattern in patterns for path in self.folder.glob(pattern)]

    def skipped(self, before: Manifest | None) -> StageRun:
        """The run of a stage that is done."""
        assert before is not None
        note(f"{self.now.stage}: unchanged, skipped ({self.folder})")
        return StageRun(self.folder, before, True, Counter(before.counts), dict(before.figures))

    def open(self) -> StageRun:
        """Skip, resume or begin, now that no other process writes here."""
        before = self.before()
        self._remove_leftovers()
        if before is not None:
            if previous.is_moving(self.folder, before):
                previous.put_back(self.folder, before)
            if before.fingerprint != self.now.fingerprint:
                before = self._replaced(before)
        if self.is_done(before):
            _delete(self._matching(self.scratch))
            previous.forget(self.folder, but=previous.kept(self.folder))
            return self.skipped(before)
        seconds = 0.0
        if before is not None:
            note(f"{self.now.stage}: resuming in {self.folder}")
            seconds = before.seconds
        now = self.now.model_copy(update={"seconds": seconds})
        write_manifest(self.folder, now)
        return StageRun(self.folder, now, False)

    def _replaced(self, before: Manifest) -> Manifest | None:
        """Move the results of other settings aside. Returns the manifest of these, if there are any."""
        stage, folder = self.now.stage, self.folder
        wanted = [m for m in previous.earlier(folder) if m.fingerprint == self.now.fingerprint]
        has_files = self._has_files()
        if wanted:
            what = "the earlier results are back"
        elif before.status == "complete":
            what = "redone; the earlier results are kept until it is done"
        else:
            what = "started afresh; what was begun is kept until it is done"
        if wanted or has_files or before.status == "complete":
            note(f"{stage}: {self._why(before)}: {what} ({folder})")
        previous.set_aside(folder, before, self.keep)
        if wanted:
            previous.put_back(folder, wanted[0])
        else:
            write_manifest(folder, self.now)
        kept = {m.fingerprint for m in previous.earlier(folder) if m.status == "complete"}
        previous.forget(folder, but=kept | ({before.fingerprint} if has_files else set()))
        return wanted[0] if wanted else None

    def _why(self, before: Manifest) -> str:
        """What differs from the results that are there."""
        try:
            old = type(self.settings).model_validate(before.settings).identity()
        except ValidationError:  # of an earlier version
            old = before.settings
        changed = list(_differing(old, self.settings.identity()))
        changed += _differing(before.inputs, self.now.inputs)
        changed += ["seed"] if before.seed != self.now.seed else []
        revised = before.revision != self.now.revision
        reasons = ["made by an earlier revision of this stage"] if revised else []
        if changed or not revised:
            each = list(dict.fromkeys(changed))
            names = f" ({', '.join(each[:5])})" if each else ""
            reasons.append(f"settings or inputs have changed{names}")
        return ", and ".join(reasons)

    def _has_files(self) -> bool:
        return any(files_of(self.folder, [self.folder / name for name in self.keep]))

    def _remove_leftovers(self) -> None:
        """Remove what killed runs left half-written; nobody else writes here."""
        folders = [self.folder]
        for folder in folders:
            remove_leftovers(folder, anybodys=True)
            inner = (path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())
            folders += [path for path in inner if path.name not in (*self.keep, previous.PREVIOUS)]

    def stopped(self, run: StageRun, seconds: float) -> None:
        """Keep the time spent for a run that resumes; put earlier results back if nothing was made."""
        earlier = previous.earlier(self.folder)
        if earlier and not self._has_files():
            _delete(previous.entries(self.folder, self.keep))
            previous.put_back(self.folder, earlier[0])
            note(f"{self.now.stage}: nothing was made; the earlier results are back ({self.folder})")
            return
        total = round(seconds + run.manifest.seconds, 2)
        write_manifest(self.folder, run.manifest.model_copy(update={"seconds": total}))

    def completed(self, run: StageRun, seconds: float) -> None:
        """Record the results, and then delete what is not needed any more."""
        no_outputs = self._matching([*self.scratch, *self.spare])
        no_outputs += [self.folder / name for name in self.keep]
        results = {
            "status": "complete",
            "seconds": round(seconds + run.manifest.seconds, 2),
            "counts": dict(run.counts),
            "figures": run.figures,
            "outputs": list_outputs(self.folder, no_outputs),
        }
        run.manifest = run.manifest.model_copy(update=results)
        write_manifest(self.folder, run.manifest)
        _delete(self._matching(self.scratch))
        previous.forget(self.folder)


def _differing(before: Mapping[str, Any], now: Mapping[str, Any], where: str = "") -> Iterator[str]:
    """Names of the values that differ, of sections by their keys: `crop.titles`."""
    for key in now:
        old, new = before.get(key), now[key]
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differing(old, new, f"{where}{key}.")
        elif old != new:
            yield f"{where}{key}"


def _is_ours(path: Path) -> bool:
    """Whether it may be in a folder whose first manifest was never finished."""
    return path.name == LOCK or (path.name.startswith(MANIFEST) and path.name.endswith(PARTIAL))


def _delete(paths: Sequence[Path]) -> None:
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
