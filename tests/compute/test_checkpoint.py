"""Checkpoints: damage anywhere is seen, what is not finite is never saved, one process chooses for all."""

import math
from pathlib import Path

import pytest
import torch

from drama.compute import (
    World,
    average,
    check_finite,
    checkpoint_steps,
    keep_checkpoints,
    load_checkpoint,
    save_checkpoint,
)
from drama.compute.optimisers import Guard
from drama.errors import DramaError, FileError

STATE = "state.safetensors"


def save(folder: Path, *steps: int, kept: int | None = 2) -> None:
    for step in steps:
        save_checkpoint(folder, step, {"weight": torch.full((3,), float(step))}, kept)


def test_a_flipped_byte_anywhere_is_seen_and_the_checkpoint_before_is_used(tmp_path: Path) -> None:
    save(tmp_path, 1, 2)
    newest = tmp_path / "step-000002" / STATE
    whole = newest.read_bytes()
    for at in range(len(whole)):
        newest.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        found = load_checkpoint(tmp_path)
        assert found is not None
        assert found[0] == 1, at
    with pytest.raises(FileError, match="step-000002/state"):
        average({"weight": torch.zeros(3)}, tmp_path, [1, 2])
    newest.write_bytes(whole)
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found[0] == 2
    assert average({"weight": torch.zeros(3)}, tmp_path, [1, 2])["weight"].tolist() == [1, 1, 1]


def test_what_is_not_finite_is_neither_saved_nor_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, 1, 2)
    for value in (math.nan, math.inf):
        with pytest.raises(DramaError, match="step 3: weight holds values that are not finite"):
            save_checkpoint(tmp_path, 3, {"step": torch.tensor(3), "weight": torch.tensor([1.0, value])})
    assert checkpoint_steps(tmp_path) == [1, 2]
    with monkeypatch.context() as patch:  # as an earlier version might have saved it
        patch.setattr("drama.compute.checkpoint.check_finite", lambda *_: None)
        save_checkpoint(tmp_path, 3, {"weight": torch.tensor([math.nan])}, kept=None)
    found = load_checkpoint(tmp_path)
    assert found is not None
    assert found[0] == 2
    check_finite({"step": torch.tensor(3)}, "whole numbers")


def test_the_newest_stay_and_others_by_choice(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3)
    assert checkpoint_steps(tmp_path) == [2, 3]
    save(tmp_path, 4, 1000000, kept=None)
    keep_checkpoints(tmp_path, [2, 1000000])
    assert checkpoint_steps(tmp_path) == [2, 1000000]


class Follower(World):
    """A process that is told which steps the main one proposes, and how many others could not read them."""

    def __init__(self, proposed: list[float], others_failed: list[float]) -> None:
        super().__init__(rank=1, size=2)
        self.proposed, self.others_failed = iter(proposed), iter(others_failed)

    def broadcast(self, values: list[float]) -> list[float]:
        return [next(self.proposed)]

    def all_sum(self, values: object) -> dict[str, float]:
        assert isinstance(values, dict)
        return {"failed": values["failed"] + next(self.others_failed)}


def test_the_main_process_chooses_and_what_one_cannot_read_is_skipped_by_all(tmp_path: Path) -> None:
    save(tmp_path, 1, 2, 3, kept=None)
    found = load_checkpoint(tmp_path, Follower([2], [0]))
    assert found is not None
    assert found[0] == 2  # not the newest it sees
    found = load_checkpoint(tmp_path, Follower([3, 2, 1], [1, 1, 0]))
    assert found is not None
    assert found[0] == 1
    (tmp_path / "step-000003" / STATE).write_bytes(b"torn")
    found = load_checkpoint(tmp_path, Follower([3, 1], [0, 0]))
    assert found is not None
    assert found[0] == 1
    assert load_checkpoint(tmp_path, Follower([-1], [])) is None


def test_updates_are_left_out_one_by_one_until_there_are_too_many(capsys: pytest.CaptureFixture[str]) -> None:
    guard = Guard("train", "lower the rate")
    for step in range(1, 30):
        event = guard.event(1.0 if step % 10 == 0 else math.nan, step)
        assert ("skipped" in event) == (step % 10 != 0)
    assert capsys.readouterr().err.count("the update is left out") == 1
    guard.event(1.0, 30)
    for step in range(31, 40):
        guard.event(math.inf, step)
    with pytest.raises(DramaError, match=r"10 steps in a row, up to step 40\n.*lower the rate"):
        guard.event(math.nan, 40)
