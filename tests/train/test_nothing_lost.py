"""What a stop must not cost: the best weights, the steps before, and the model from before."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from drama.errors import DramaError, FileError
from drama.records import Document, write_passages
from drama.train import TrainSettings, train
from drama.train.optimiser import Optimiser
from drama.train.trainer import Trainer
from drama.train.validation.validator import Validator
from drama.workspace import read_events, read_manifest


@contextmanager
def stopped_before(step: int) -> Iterator[None]:
    """Stop a training before its n-th step, from 0."""
    real = Trainer.step

    def stops(self: Trainer, number: int) -> dict[str, Any]:
        if number == step:
            raise KeyboardInterrupt
        return real(self, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", stops)
        with pytest.raises(KeyboardInterrupt):
            yield


def model(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "model/model.safetensors")


def same(one: Path, other: Path) -> bool:
    return all(torch.equal(tensor, model(other)[name]) for name, tensor in model(one).items())


@pytest.mark.parametrize("again", [[0.1] * 9, None])
def test_the_best_weights_of_every_checkpoint_stay(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: list[float] | None
) -> None:
    """Step 2 is the best one before the checkpoint. Three better ones follow it; the resumed run may measure
    less there, as on another machine."""
    values: Iterator[float] = iter([])

    def measured(self: Validator) -> dict[str, object]:
        return {"held_out": {"nDCG@10": next(values)}}

    monkeypatch.setattr(Validator, "measure", measured)
    how = {"steps": 12, "checkpoint_every": 4, "validation": {"share": 0.25, "every": 1, "keep": "best"}}
    values = iter([0.1, 0.5, 0.2, 0.3, 0.6, 0.7, 0.8])
    with stopped_before(7):
        inputs.train(tmp_path / "cut", **how)
    assert {p.name for p in (tmp_path / "cut/best").iterdir()} == {"step-000002", "step-000007"}
    values = iter(again or [0.6, 0.7, 0.8, 0.2, 0.1, 0.1, 0.1, 0.1])
    inputs.train(tmp_path / "cut", **how)
    manifest = read_manifest(tmp_path / "cut")
    assert manifest is not None
    assert manifest.figures["best_step"] == (2 if again else 7)
    values = iter([0.1, 0.5, 0.2, 0.3, *([0.1] * 8 if again else [0.6, 0.7, 0.8, *[0.1] * 5])])
    inputs.train(tmp_path / "whole", **how)
    assert same(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize(
    "change", [{"compute": {"kept_tokens": 0, "chunk_tokens": 64}}, {"checkpoint_every": 3}]
)
def test_what_does_not_change_the_result_neither_stops_nor_redoes_it(
    inputs: Any, tmp_path: Path, change: dict[str, Any]
) -> None:
    with stopped_before(6):
        inputs.train(tmp_path / "out")
    inputs.train(tmp_path / "out", **change)
    events = read_events(tmp_path / "out/events.jsonl")
    assert [event["step"] for event in events] == list(range(1, 13))
    manifest = read_manifest(tmp_path / "out")
    assert manifest is not None
    inputs.train(tmp_path / "out")
    assert read_manifest(tmp_path / "out") == manifest  # skipped


def test_checkpoints_that_are_averaged_are_part_of_the_result(inputs: Any) -> None:
    def counts(**values: Any) -> bool:
        return "checkpoint_every" in TrainSettings.parse(values, "train").identity()

    assert not counts()
    assert counts(average=2)


def test_a_mistake_that_shows_late_leaves_the_model(inputs: Any, tmp_path: Path, texts: list[str]) -> None:
    out = inputs.train(tmp_path / "out")
    before = model(out)
    write_passages(tmp_path / "other.parquet", [Document("d0", "", texts[0])])
    with pytest.raises(FileError, match="7 passages that the examples name are missing"):
        train(TrainSettings(), inputs.backbone, tmp_path / "other.parquet", inputs.examples, out, 3)
    assert all(torch.equal(tensor, model(out)[name]) for name, tensor in before.items())
    inputs.train(out)
    manifest = read_manifest(out)
    assert manifest is not None
    assert manifest.status == "complete"


def test_a_kill_before_the_manifest_is_complete_keeps_the_checkpoints(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("drama.workspace.stage.list_outputs", killed)
        with pytest.raises(KeyboardInterrupt):
            inputs.train(tmp_path / "out")
    assert (tmp_path / "out/model").is_dir()
    assert {p.name for p in (tmp_path / "out/checkpoints").iterdir()} == {"step-000004", "step-000008"}
    inputs.train(tmp_path / "out")
    assert same(tmp_path / "out", inputs.train(tmp_path / "whole"))
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"events.jsonl", "manifest.json", "model"}


def poisoned(when: Callable[[int], bool], which: str) -> Callable[[Optimiser, int], tuple[float, float]]:
    """An optimiser's step, with a gradient that is not finite at some steps."""
    real = Optimiser.step

    def step(self: Optimiser, number: int) -> tuple[float, float]:
        if when(number):
            group = self._all[-1 if which == "embeddings" else 0].param_groups[0]
            gradient = group["params"][0].grad
            values = gradient.coalesce().values() if gradient.is_sparse else gradient
            values.view(-1)[0] = math.inf
            if gradient.is_sparse:
                group["params"][0].grad = torch.sparse_coo_tensor(
                    gradient.coalesce().indices(), values, gradient.shape
                )
        return real(self, number)

    return step


@pytest.mark.parametrize("which", ["layers", "embeddings"])
def test_a_gradient_that_is_not_finite_is_left_out_and_counted(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    monkeypatch.setattr(Optimiser, "step", poisoned(lambda number: number in (3, 4, 7), which))
    rates = {"learning_rate": 2e-3, "embedding_learning_rate": 1e-3}
    out = inputs.train(tmp_path / "out", optimiser=rates)
    assert all(torch.isfinite(tensor).all() for tensor in model(out).values())
    assert [e["step"] for e in read_events(out / "events.jsonl") if e.get("skipped")] == [4, 5, 8]
    manifest = read_manifest(out)
    assert manifest is not None
    assert manifest.figures["updates_skipped"] == 3


def test_too_many_in_a_row_are_an_error_and_the_checkpoint_before_is_good(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Optimiser, "step", poisoned(lambda number: number >= 5, "layers"))
        with pytest.raises(DramaError, match=r"not finite in 10 steps in a row, up to step 15\n.*fp32"):
            inputs.train(tmp_path / "out", steps=20)
    inputs.train(tmp_path / "out", steps=20)
    assert all(torch.isfinite(tensor).all() for tensor in model(tmp_path / "out").values())


def test_tensorboard_may_be_asked_for_afterwards(inputs: Any, tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    out = inputs.train(tmp_path / "out")
    inputs.train(out, tensorboard=True)
    assert list((out / "tensorboard").iterdir())
    assert len(read_events(out / "events.jsonl")) == 12
