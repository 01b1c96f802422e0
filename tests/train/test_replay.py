"""A run is repeated from its folder alone, bit for bit; differences are reported."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from drama.cli.replay import replay as command
from drama.errors import DramaError
from drama.records import Document, write_passages
from drama.train.replay import replay
from drama.workspace import read_events


def test_a_run_is_repeated_from_its_folder(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_collection: Path
) -> None:
    monkeypatch.chdir(small_collection.parent)
    run = inputs.train(
        tmp_path / "run", teacher=True, loss={"distill": {"kl_weight": 0.5}},
        optimiser={"embedding_learning_rate": 1e-3},
        validation={"collection": small_collection.name, "split": "test", "every": 6},
        leaks={"collections": [small_collection.name], "action": "warn"},
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert replay(run, tmp_path / "again") == (12, None, True, [])
    events = [
        json.dumps(event | {"loss": event["loss"] + (event["step"] == 7)})
        for event in read_events(run / "events.jsonl")
    ]
    (run / "events.jsonl").write_text("\n".join(events))
    assert replay(run, tmp_path / "again")[:3] == (12, 7, True)


def test_the_command_says_whether_the_run_is_the_same(
    inputs: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], change_manifest: Callable[..., None]
) -> None:
    run = inputs.train(tmp_path / "run")
    command(run, tmp_path / "again")
    assert "all 12 losses are the same; the weights are the same, bit for bit" in capsys.readouterr().out
    change_manifest(run, seed=4)
    with pytest.raises(typer.Exit) as stop:
        command(run, tmp_path / "again")
    assert stop.value.exit_code == 1
    assert "losses differ from step 1 on; the weights differ" in capsys.readouterr().out


def test_what_can_not_be_repeated_is_refused(
    inputs: Any, tmp_path: Path, change_manifest: Callable[..., None]
) -> None:
    run = inputs.train(tmp_path / "run", steps=2)
    with pytest.raises(DramaError, match="no finished training"):
        replay(tmp_path, tmp_path / "again")
    with pytest.raises(DramaError, match="holds the run itself"):
        replay(run, run)
    settings = json.loads((run / "manifest.json").read_text())["settings"]
    change_manifest(run, settings=settings | {"compute": settings["compute"] | {"shard": True}})
    with pytest.raises(DramaError, match="there is only one process"):
        replay(run, tmp_path / "again")
    before = inputs.passages.read_bytes()
    write_passages(inputs.passages, [Document("d0", "", "other")])
    with pytest.raises(DramaError, match="has changed since the run, whose input 'passages' it was"):
        replay(run, tmp_path / "again")
    inputs.passages.write_bytes(before)
    change_manifest(run, paths={})
    with pytest.raises(DramaError, match="of an earlier version"):
        replay(run, tmp_path / "again")
