"""TensorBoard's files hold the numbers of events.jsonl, those of a run that was cut off among them."""

import struct
import sys
from pathlib import Path
from typing import Any

import pytest

from drama.errors import MissingExtraError
from drama.train.log import numbers
from drama.workspace import read_events


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    """What the one file of a board holds: (name, step) → value."""
    from tensorboardX.proto.event_pb2 import Event

    (path,) = folder.iterdir()
    content, at = path.read_bytes(), 0
    found: dict[tuple[str, int], float] = {}
    while at < len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        event = Event.FromString(content[at + 12 : at + 12 + length])
        found |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
        at += 16 + length
    return found


def test_the_board_shows_the_events(inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from drama.train.trainer import Trainer

    step = Trainer.step

    def stops(self: Trainer, number: int) -> dict[str, object]:
        if number == 6:
            raise KeyboardInterrupt
        return step(self, number)

    how = {"validation": {"share": 0.25, "every": 5}, "tensorboard": True}
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stops)
        with pytest.raises(KeyboardInterrupt):
            inputs.train(tmp_path / "out", **how)
    out = inputs.train(tmp_path / "out", **how)
    expected = {
        (name, event["step"]): value for event in read_events(out / "events.jsonl")
        for name, value in numbers(event)
    }  # fmt: skip
    assert scalars(out / "tensorboard") == pytest.approx(expected, rel=1e-5, abs=1e-7)
    assert ("held_out/RR_10", 12) in expected


def test_no_board_without_the_key_and_no_key_without_the_library(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert not (inputs.train(tmp_path / "plain", steps=1) / "tensorboard").exists()
    with pytest.raises(MissingExtraError, match=r"drama-retrieval\[tensorboard\]"):
        inputs.train(tmp_path / "asked", steps=1, tensorboard=True)
