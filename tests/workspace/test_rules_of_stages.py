"""Rules of folders that stages share: fingerprints, foreign folders, time, events, damaged vectors."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.compute import schedule
from drama.errors import FileError
from drama.files import fingerprint, fingerprint_path
from drama.settings import SAME_RESULT, Section
from drama.workspace import (
    EventLog,
    open_stage,
    read_events,
    read_manifest,
)
from drama.workspace.manifest import command, write_manifest


class Demo(Section):
    size: int = 1
    at_once: Annotated[int, SAME_RESULT] = 8


plain = st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(st.text("abcd"), plain))
def test_a_fingerprint_does_not_see_the_order_of_keys(values: dict[str, object]) -> None:
    assert fingerprint(values) == fingerprint(dict(reversed(values.items())))


@given(st.dictionaries(st.text("abcd"), plain, min_size=1))
def test_a_fingerprint_sees_every_value(values: dict[str, object]) -> None:
    first = next(iter(values))
    assert fingerprint(values) != fingerprint({**values, first: [values[first]]})


def test_a_folder_is_its_files_and_their_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    before = fingerprint_path(tmp_path)
    (tmp_path / "b.partial").write_text("half")
    assert fingerprint_path(tmp_path) == before
    (tmp_path / "a").rename(tmp_path / "b")
    assert fingerprint_path(tmp_path) != before


def test_another_stages_folder_is_refused_and_kept(tmp_path: Path) -> None:
    with open_stage(tmp_path / "prune", "prune", Demo(), {}):
        (tmp_path / "prune/model").write_text("hours of work")
    with (
        pytest.raises(FileError, match="holds the results of the stage 'prune'"),
        open_stage(tmp_path / "prune", "train", Demo(), {}),
    ):
        pass
    assert (tmp_path / "prune/model").is_file()


@pytest.mark.parametrize("change", ["settings", "seed", "inputs"])
def test_any_change_clears_the_folder(change: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_text("one")
    out = tmp_path / "out"
    with open_stage(out, "demo", Demo(), {"source": source}, seed=1):
        (out / "old").write_text("x")
    size, seed = (2 if change == "settings" else 1), (2 if change == "seed" else 1)
    if change == "inputs":
        source.write_text("two")
    with open_stage(out, "demo", Demo(size=size), {"source": source}, seed) as run:
        assert not run.done
        assert not (out / "old").exists()


def test_what_is_found_by_its_content_outlives_changed_settings(tmp_path: Path) -> None:
    for size in (1, 2):
        with open_stage(tmp_path, "demo", Demo(size=size), {}, keep=("cache",)) as run:
            assert not run.done
            assert (tmp_path / "cache/one").is_file() == (size == 2)
            (tmp_path / "cache").mkdir(exist_ok=True)
            (tmp_path / "cache/one").write_text("paid for")
            (tmp_path / f"made-{size}").write_text("x")
    assert not (tmp_path / "made-1").exists()


def test_keys_that_do_not_change_the_result_leave_the_stage_the_same(tmp_path: Path) -> None:
    with open_stage(tmp_path, "demo", Demo(at_once=1), {}):
        pass
    with open_stage(tmp_path, "demo", Demo(at_once=2), {}) as run:
        assert run.done


def test_a_stage_upstream_is_known_by_its_manifest(tmp_path: Path) -> None:
    with open_stage(tmp_path / "first", "first", Demo(), {}):
        (tmp_path / "first/made").write_text("x")
    first = read_manifest(tmp_path / "first")
    with open_stage(tmp_path / "second", "second", Demo(), {"first": tmp_path / "first"}) as run:
        assert first is not None
        assert run.manifest.inputs == {"first": first.fingerprint}


def test_time_before_an_error_counts_when_the_stage_goes_on(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), open_stage(tmp_path / "out", "demo", Demo(), {}):
        raise RuntimeError
    stopped = read_manifest(tmp_path / "out")
    assert stopped is not None
    assert stopped.status == "running"
    write_manifest(tmp_path / "out", stopped.model_copy(update={"seconds": 100.0}))
    with open_stage(tmp_path / "out", "demo", Demo(), {}) as run:
        pass
    assert run.manifest.seconds >= 100


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"stage": "demo"}')
    with pytest.raises(FileError, match=r"damaged .* or written by an earlier version"):
        read_manifest(tmp_path)


def test_the_command_can_be_typed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["drama", "run", "r.yaml", "--set", "corpus.inputs=[a, b]"]
    monkeypatch.setattr(sys, "argv", ["/somewhere/drama", *words[1:]])
    assert shlex.split(command()) == words


def test_events_after_the_checkpoint_and_torn_lines_are_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path, after=0)
    for step in (1, 2, 3):
        log.write({"step": step, "loss": 1.0})
    log.close()
    with path.open("a") as handle:
        handle.write('{"step": 4, "lo')
    assert [e["step"] for e in read_events(path)] == [1, 2, 3]
    EventLog(path, after=2).close()
    assert [e["step"] for e in read_events(path)] == [1, 2]


@given(st.integers(1, 300), st.floats(0, 1))
def test_the_rate_stays_within_its_peak_and_never_reaches_nothing(steps: int, warmup: float) -> None:
    rates = [schedule(step, steps, warmup) for step in range(steps)]
    assert all(0 < r <= 1 for r in rates)
    assert max(rates) == 1


def test_a_changed_key_is_named_and_a_new_revision_runs_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(size: int, revision: int = 1, also: str = "") -> bool:
        settings = Demo(size=size)
        with open_stage(tmp_path / "out", "demo", settings, {}, revision=revision, also=also) as stage:
            return stage.done

    def said() -> str:
        return " ".join(capsys.readouterr().err.split())

    assert not run(1)
    assert run(1)
    assert not run(2)
    assert "demo: settings or inputs have changed (size): redone" in said()
    assert run(2)
    assert not run(2, revision=2)
    assert "demo: made by an earlier revision of this stage: redone" in said()
    assert not run(2, revision=2, also="P@10")


def test_missing_events_are_warned_of(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n')
    EventLog(path, after=2).close()
    assert not capsys.readouterr().err
    EventLog(path, after=5).close()
    assert "the events of 3 of the first 5 steps are missing" in " ".join(capsys.readouterr().err.split())
