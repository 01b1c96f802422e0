"""Each part of pruning has its own mark: what changes only what comes later leaves it as it is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from drama.errors import DramaError
from drama.prune import PruneSettings, prune
from drama.prune.learn.recover import Recovery
from drama.prune.learn.updates import Learner
from drama.prune.methods.shearing.learn import MaskLearner
from drama.records import Document, write_passages
from drama.workspace import read_events, read_manifest

UPDATES = {"batch_size": 4, "checkpoint_every": 2}
VALUES: dict[str, Any] = {
    "method": "shearing",
    "shape": {"layers": 3, "hidden": 48, "intermediate": 64},
    "shearing": {**UPDATES, "steps": 6},
    "recovery": {**UPDATES, "steps": 4, "max_length": 32},
}


@pytest.fixture
def passages(tmp_path: Path, texts: list[str]) -> Path:
    path = tmp_path / "passages.parquet"
    write_passages(path, [Document(f"d{i}", "", " ".join(texts[i:] + texts[:i])) for i in range(8)])
    return path


class Runs:
    """Runs of the stage in one folder, and the steps that each of them computed."""

    def __init__(self, parent: Path, passages: Path, out: Path) -> None:
        self.parent, self.passages, self.out = parent, passages, out
        self.steps = {"shearing": 0, "recovery": 0}

    def run(self, stop: tuple[str, int] | None = None, **changes: Any) -> dict[str, int]:
        values = {"parent": str(self.parent), **VALUES}
        for name, own in changes.items():
            values[name] = {**values[name], **own} if isinstance(own, dict) else own
        self.steps = {"shearing": 0, "recovery": 0}
        with self._counted(stop):
            prune(PruneSettings.parse(values, "prune"), self.passages, self.out, seed=1)
        return self.steps

    @contextmanager
    def _counted(self, stop: tuple[str, int] | None) -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for kind in (MaskLearner, Recovery):
                patch.setattr(kind, "step", self._counting(kind.step, stop))
            yield

    def _counting(self, real: Any, stop: tuple[str, int] | None) -> Any:
        def step(learner: Learner, share: float) -> float:
            if stop == (learner.name, self.steps[learner.name]):
                raise KeyboardInterrupt
            self.steps[learner.name] += 1
            found: float = real(learner, share)
            return found

        return step

    def weights(self) -> dict[str, torch.Tensor]:
        return load_file(self.out / "model/model.safetensors")


@pytest.fixture
def runs(tiny_llm: Path, passages: Path, tmp_path: Path) -> Runs:
    return Runs(tiny_llm, passages, tmp_path / "out")


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


def test_other_steps_of_recovery_leave_the_masks(runs: Runs, tiny_llm: Path, passages: Path) -> None:
    assert runs.run() == {"shearing": 6, "recovery": 4}
    assert runs.run() == {"shearing": 0, "recovery": 0}
    first = runs.weights()
    assert runs.run(recovery={"steps": 5}) == {"shearing": 0, "recovery": 5}
    fresh = Runs(tiny_llm, passages, runs.out.with_name("fresh"))
    fresh.run(recovery={"steps": 5})
    assert equal(runs.weights(), fresh.weights())
    curves = [[e["loss"] for e in read_events(r.out / "events.jsonl")] for r in (runs, fresh)]
    assert curves[0] == curves[1]
    assert runs.run(recovery={"steps": 0}) == {"shearing": 0, "recovery": 0}
    assert len(read_events(runs.out / "events.jsonl")) == 6
    assert runs.run() == {"shearing": 0, "recovery": 4}
    assert equal(runs.weights(), first)
    assert runs.run(shearing={"steps": 7}) == {"shearing": 7, "recovery": 4}


def test_less_at_once_goes_on_from_the_last_checkpoint(runs: Runs) -> None:
    with pytest.raises(KeyboardInterrupt):
        runs.run(stop=("shearing", 5))
    changes = {"micro_batch": 2, "checkpoint_every": 1, "gradient_checkpointing": True}
    with pytest.raises(KeyboardInterrupt):
        runs.run(stop=("recovery", 3), shearing=changes)
    assert runs.steps == {"shearing": 2, "recovery": 3}
    assert runs.run(recovery=changes) == {"shearing": 0, "recovery": 2}
    assert runs.run() == {"shearing": 0, "recovery": 0}


def test_changes_before_the_end_keep_the_parts_and_the_model_until_then(runs: Runs) -> None:
    runs.run()
    first = runs.weights()
    with pytest.raises(KeyboardInterrupt):
        runs.run(stop=("recovery", 1), shearing={"steps": 7})
    assert runs.run(shearing={"steps": 7}, recovery={"steps": 3}) == {"shearing": 0, "recovery": 3}
    runs.run()
    with pytest.raises(KeyboardInterrupt):
        runs.run(stop=("shearing", 1), shearing={"steps": 8})
    assert runs.run() == {"shearing": 0, "recovery": 0}  # the earlier results are back
    assert equal(runs.weights(), first)


def test_too_few_tokens_leave_the_model(runs: Runs) -> None:
    runs.run()
    first, manifest = runs.weights(), read_manifest(runs.out)
    with pytest.raises(DramaError, match="tokens: 100 in 1 round"):
        runs.run(tokens=100, shearing={"steps": 200}, recovery={"steps": 0})
    assert equal(runs.weights(), first)
    assert read_manifest(runs.out) == manifest


def test_a_gradient_that_is_not_finite_is_left_out_and_counted(runs: Runs) -> None:
    real = MaskLearner.backward

    def backward(self: MaskLearner, rows_BL: torch.Tensor, step: int) -> dict[str, Any]:
        found = real(self, rows_BL, step)
        if step in (1, 3):
            part = next(iter(self.log_alpha.values())) if step == 1 else next(iter(self.model.parameters()))
            assert part.grad is not None
            part.grad.view(-1)[0] = torch.nan
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MaskLearner, "backward", backward)
        runs.run()
    assert all(torch.isfinite(tensor).all() for tensor in runs.weights().values())
    skipped = [e["step"] for e in read_events(runs.out / "events.jsonl") if e.get("skipped")]
    assert skipped == [2, 4]
    manifest = read_manifest(runs.out)
    assert manifest is not None
    assert manifest.counts["updates skipped: the gradient was not finite"] == 2
