"""Results that are replaced: kept until the new ones are complete, put back after a mistake or a kill."""

import itertools
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from drama.errors import DramaError, FileError
from drama.files import LOCK
from drama.settings import Section
from drama.workspace import claim_part, open_stage, read_manifest
from drama.workspace.previous import PREVIOUS


class Demo(Section):
    size: int = 1


class Parts(Section):
    masks: str
    recovery: str


def work(out: Path, size: int = 1, mistake: Exception | None = None, late: bool = False) -> bool:
    """A stage of two files and a checkpoint; its mistake shows before the first file, or late."""
    with open_stage(out, "demo", Demo(size=size), {}, scratch=("checkpoint",)) as run:
        if run.done:
            return True
        if mistake and not late:
            raise mistake
        (out / "checkpoint").write_text(str(size))
        (out / "model").mkdir(exist_ok=True)
        (out / "model/weights").write_text(str(size))
        if mistake:
            raise mistake
        (out / "events").write_text(str(size))
    return False


def files(out: Path) -> dict[str, str]:
    return {p.relative_to(out).as_posix(): p.read_text() for p in out.rglob("*") if p.is_file()}


def results(out: Path) -> dict[str, str]:
    return {name: text for name, text in files(out).items() if name not in ("manifest.json", LOCK)}


FIRST, SECOND = ({"model/weights": size, "events": size} for size in "12")


def test_a_mistake_that_shows_late_loses_nothing(tmp_path: Path) -> None:
    work(tmp_path)
    for mistake in (DramaError("wrong passages"), KeyboardInterrupt()):
        with pytest.raises(type(mistake)):
            work(tmp_path, size=2, mistake=mistake)  # type: ignore[arg-type]
        assert results(tmp_path) == FIRST
    assert work(tmp_path)


def test_what_is_kept_is_said_and_nothing_where_there_is_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(**how: Any) -> str:
        with suppress(RuntimeError):
            work(tmp_path, **how)
        return capsys.readouterr().err

    assert said(mistake=RuntimeError()) == ""
    assert said(size=2, mistake=RuntimeError(), late=True) == ""  # the first run had made nothing
    assert "(size): started afresh; what was begun is kept until it is done" in said(size=3)
    assert "(size): redone; the earlier results are kept until it is done" in said(size=4)


def test_earlier_results_are_kept_until_the_new_ones_are_complete(tmp_path: Path) -> None:
    work(tmp_path)
    with pytest.raises(RuntimeError):
        work(tmp_path, size=2, mistake=RuntimeError("cut off"), late=True)
    first = read_manifest(tmp_path / PREVIOUS / next((tmp_path / PREVIOUS).iterdir()).name)
    assert first is not None
    assert (first.status, first.settings) == ("complete", {"size": 1})
    assert not work(tmp_path, size=2)
    assert results(tmp_path) == SECOND


def test_the_earlier_settings_bring_the_earlier_results_back_and_a_cut_off_run_too(tmp_path: Path) -> None:
    work(tmp_path)
    with pytest.raises(RuntimeError):
        work(tmp_path, size=2, mistake=RuntimeError("cut off"), late=True)
    assert work(tmp_path, size=1)
    assert {n: t for n, t in results(tmp_path).items() if PREVIOUS not in n} == FIRST
    with open_stage(tmp_path, "demo", Demo(size=2), {}) as run:
        assert not run.done
        assert (tmp_path / "model/weights").read_text() == "2"


class Killed(BaseException):
    """As by kill -9: nothing that was to be done afterwards is done."""


def killed_at(number: int, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> bool:
    """Run an action that is killed just before its n-th change of the disk; whether it came that far."""
    counter = itertools.count(1)
    dead = []

    def dying(real: Callable[..., object]) -> Callable[..., object]:
        def call(*args: object, **options: object) -> object:
            if dead or next(counter) == number:
                dead.append(True)
                raise Killed
            return real(*args, **options)

        return call

    with monkeypatch.context() as patch:
        for module, name in ((os, "replace"), (os, "rename"), (shutil, "rmtree"), (Path, "unlink")):
            patch.setattr(module, name, dying(getattr(module, name)))
        for name in ("mkdir", "rmdir"):
            patch.setattr(Path, name, dying(getattr(Path, name)))
        try:
            action()
        except Killed:
            pass
        else:
            assert not dead
    return bool(dead)


def dies_half_way(folder: Path) -> None:
    """As `shutil.rmtree`, killed after the first file."""
    next(
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "manifest.json"
    ).unlink()
    raise Killed


def test_results_whose_deletion_was_cut_off_do_not_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", dies_half_way)
        with pytest.raises(Killed):
            work(tmp_path, size=2)
    assert not work(tmp_path, size=1)
    assert results(tmp_path) == FIRST


def test_a_part_whose_removal_was_cut_off_is_not_taken_for_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim_part(tmp_path, "masks", ["masks"], "before")
    (tmp_path / "masks").mkdir()
    for name in "ab":
        (tmp_path / "masks" / name).write_text("x")
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", dies_half_way)
        with pytest.raises(Killed):
            claim_part(tmp_path, "masks", ["masks"], "after")
    claim_part(tmp_path, "masks", ["masks"], "before")
    assert not (tmp_path / "masks").exists()


@pytest.mark.parametrize("then", [1, 2])
def test_a_kill_at_any_change_of_the_disk_is_mended(
    then: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in itertools.count(1):
        out = tmp_path / str(number)
        work(out)
        if not killed_at(number, monkeypatch, lambda out=out: work(out, size=2)):  # type: ignore[misc]
            break
        work(out, size=then)
        made = {name: text for name, text in results(out).items() if not name.startswith(PREVIOUS)}
        assert made == (FIRST if then == 1 else SECOND), number
        assert work(out, size=then)
    assert number > 8


def test_scratch_outlives_everything_but_the_complete_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in itertools.count(1):
        out = tmp_path / str(number)
        if not killed_at(number, monkeypatch, lambda out=out: work(out)):  # type: ignore[misc]
            break
        manifest = read_manifest(out)
        if manifest is not None and manifest.status == "running" and (out / "events").exists():
            assert (out / "checkpoint").exists(), number
        work(out)
        assert results(out) == FIRST, number
    assert number > 4


def test_a_missing_or_changed_file_of_a_complete_stage_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    work(first)
    (first / "events").write_text("12")
    with pytest.raises(FileError, match=r"events: .*2 bytes instead of 1"):
        work(first)
    (first / "events").unlink()
    with pytest.raises(FileError, match=r"events: is missing from what the stage 'demo' left"):
        work(first)
    (first / "events").write_text("2")  # the same size
    assert work(first)
    with (
        pytest.raises(FileError, match=r"events: .*not what the stage 'demo' left"),
        open_stage(second, "second", Demo(), {"events": first / "events"}),
    ):
        pass
    with open_stage(second, "second", Demo(), {"model": first / "model"}):
        pass
    (first / "model/weights").write_text("2")
    with (
        pytest.raises(FileError, match=r"weights: .*not what the stage 'demo' left"),
        open_stage(second, "second", Demo(), {"model": first / "model"}),
    ):
        pass


def test_a_stage_that_reads_another_checks_its_files_once_it_runs(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    work(first)
    with open_stage(second, "second", Demo(), {"first": first}):
        pass
    (first / "events").write_text("2")
    with open_stage(second, "second", Demo(), {"first": first}) as run:
        assert run.done  # nothing is read
    with (
        pytest.raises(FileError, match=r"events: .*not what the stage 'demo' left"),
        open_stage(second, "second", Demo(size=2), {"first": first}),
    ):
        pass


def test_a_flipped_byte_in_a_manifest_is_named_or_harmless(tmp_path: Path) -> None:
    work(tmp_path)
    path = tmp_path / "manifest.json"
    whole, good = path.read_bytes(), read_manifest(tmp_path)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        said, found = "", good
        try:
            found = read_manifest(tmp_path)
        except FileError as error:
            said = str(error)
        assert found == good, at
        assert not said or str(path) in said


def made(out: Path, masks: str, recovery: str, cut: bool = False) -> list[str]:
    """A stage of two parts, each made only where it is not there; returns what was made."""
    done: list[str] = []
    with open_stage(out, "demo", Parts(masks=masks, recovery=recovery), {}, spare=("masks",)) as run:
        claim_part(out, "masks", ["masks"], masks, beside=["events"])
        claim_part(out, "recovery", ["recovery"], masks + recovery)
        for name, mark in (("masks", masks), ("recovery", masks + recovery)):
            if not (out / name).exists():
                (out / name).write_text(mark)
                done.append(name)
        if cut:
            raise RuntimeError(run)
        with (out / "events").open("a") as events:
            events.write(f"{masks} {recovery}\n")
    return done


def test_a_part_whose_own_mark_is_unchanged_is_taken_over(tmp_path: Path) -> None:
    assert made(tmp_path, "m", "r") == ["masks", "recovery"]
    assert made(tmp_path, "m", "longer") == ["recovery"]
    assert (tmp_path / "recovery").read_text() == "mlonger"
    assert (tmp_path / "events").read_text() == "m r\nm longer\n"
    with pytest.raises(RuntimeError):
        made(tmp_path, "others", "r", cut=True)
    with pytest.raises(RuntimeError):
        made(tmp_path, "m", "longer yet", cut=True)
    with open_stage(tmp_path, "demo", Parts(masks="m", recovery="longer"), {}) as run:
        assert run.done  # taking a part over took nothing from the results that it is of
    assert made(tmp_path, "others", "longest") == ["masks", "recovery"]
    assert (tmp_path / "masks").read_text() == "others"
    assert not (tmp_path / PREVIOUS).exists()
