"""Phases, LoRA and averaging give what their definitions say, and resume as if never interrupted."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from drama.errors import DramaError, MissingExtraError
from drama.records import read_examples, write_examples
from drama.retriever import Retriever
from drama.train import TrainSettings, train
from drama.train.trainer import Trainer
from drama.workspace import read_events, read_manifest

RATES = {"learning_rate": 2e-3, "embedding_learning_rate": 1e-3}
BASE: dict[str, Any] = {
    "steps": 12, "batch": {"size": 4}, "optimiser": RATES, "checkpoint_every": 3,
    "retriever": {"dims": [16, 32], "max_length": 64},
}  # fmt: skip
DISTILL = {"kl_weight": 0.5, "embedding_weight": 1.0, "scores_weight": 0.5}
WEIGHTS = {"by": "kind", "shares": {"sent": 3, "title": 1}}
PHASES: list[dict[str, Any]] = [
    {"share": 0.5, "kinds": ["title"], "batch": {"negatives": 0}, "optimiser": {"learning_rate": 4e-3}},
    {"share": 0.5, "batch": {"weights": WEIGHTS}},
]
LORA = {"rank": 4, "alpha": 8.0}


def run(inputs: Any, out: Path, backbone: Path | None = None, kinds: str = "", **changes: Any) -> Path:
    """Train on the corpus with every other example's kind changed to `title`."""
    rows = [
        e._replace(kind="title" if r % 2 else "sent") for r, e in enumerate(read_examples(inputs.examples))
    ]
    examples = out.parent / f"examples-{kinds}.parquet"
    write_examples(examples, [e for e in rows if kinds in ("", e.kind)])
    merged = {name: {**BASE[name], **changes.get(name, {})} for name in ("batch", "optimiser")}
    settings = TrainSettings.parse(BASE | changes | merged, "train")
    teacher = inputs.teacher if settings.needs_vectors else None
    train(settings, backbone or inputs.backbone, inputs.passages, examples, out, 3, teacher)
    return out


def cut_off(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Have the trainer stop with Ctrl-C after this many steps."""
    step, done = Trainer.step, iter(range(after))

    def stops(self: Trainer, number: int) -> dict[str, object]:
        if next(done, None) is None:
            raise KeyboardInterrupt
        return step(self, number)

    monkeypatch.setattr(Trainer, "step", stops)


def weights(out: Path) -> dict[str, torch.Tensor]:
    return Retriever.load(out / "model").tensors()


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(
        torch.equal(tensor, other[name]) for name, tensor in one.items()
    )


def test_phases_are_runs_one_after_another(inputs: Any, tmp_path: Path) -> None:
    both = run(inputs, tmp_path / "both", phases=PHASES)
    first = run(
        inputs, tmp_path / "1", steps=6, kinds="title", **{k: PHASES[0][k] for k in ("batch", "optimiser")}
    )
    second = run(inputs, tmp_path / "2", first / "model", steps=6, batch={"weights": WEIGHTS})
    assert same(weights(both), weights(second))
    events = [read_events(out / "events.jsonl") for out in (both, first, second)]
    assert [e["loss"] for e in events[0]] == [e["loss"] for e in (*events[1], *events[2])]
    assert [(e["step"], e["phase"]) for e in events[0]] == [(s, 1 + (s > 6)) for s in range(1, 13)]


def test_a_phase_may_distil_after_one_that_does_not(inputs: Any, tmp_path: Path) -> None:
    weighted = {"weights": WEIGHTS, "document_length": 9, "query_length": 6}
    distils = {"loss": {"distill": DISTILL}, "batch": {"document_length": 20, "query_length": 32}}
    second_phase = {**distils, "batch": {**distils["batch"], "weights": None}}
    two = [{"share": 0.5}, {"share": 0.5, **second_phase}]
    both = run(inputs, tmp_path / "both", phases=two, batch=weighted)
    first = run(inputs, tmp_path / "1", steps=6, batch=weighted)
    second = run(inputs, tmp_path / "2", first / "model", steps=6, **distils)
    assert same(weights(both), weights(second))
    events = [read_events(out / "events.jsonl") for out in (both, first, second)]
    assert [e["loss"] for e in events[0]] == [e["loss"] for e in (*events[1], *events[2])]
    assert ["embedding_loss" in e for e in events[0]] == [False] * 6 + [True] * 6
    assert {e["document_length"] for e in events[0]} == {9, 20}


def test_scores_may_come_with_a_later_phase_but_some_must(inputs: Any, tmp_path: Path) -> None:
    examples = tmp_path / "examples.parquet"
    rows = [
        e._replace(kind="title") if r % 2 else e._replace(negative_scores=[math.nan])
        for r, e in enumerate(read_examples(inputs.examples))
    ]
    write_examples(examples, rows)

    def begin(out: Path, *kinds: str) -> None:
        phases = [{"share": 1 / len(kinds), "kinds": [kind]} for kind in kinds]
        settings = TrainSettings.parse(
            BASE | {"phases": phases, "loss": {"distill": {"scores_weight": 1.0}}}, "train"
        )
        train(settings, inputs.backbone, inputs.passages, examples, out, 3)

    begin(tmp_path / "some", "sent", "title")
    with pytest.raises(DramaError, match="none of the examples has scores"):
        begin(tmp_path / "none", "sent", "sent")


def test_a_message_counts_the_steps_of_the_run(inputs: Any, tmp_path: Path) -> None:
    phases = [{"share": 0.5}, {"share": 0.5, "optimiser": {"learning_rate": 1e30}}]
    with pytest.raises(DramaError, match=r"the loss is nan at step [89]\b"):
        run(inputs, tmp_path, phases=phases, optimiser={"clip": 1e30})


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({"phases": PHASES}, 7),  # resumes at the boundary
        (
            {
                "phases": PHASES,
                "checkpoint_every": 4,
                "loss": {"distill": {"space": "teacher", "corpus_weight": 1.0}},
                "retriever": {"dims": [4]},
            },
            9,
        ),
        ({"phases": [{"share": 0.5}, {"share": 0.5, "loss": {"distill": DISTILL}}]}, 10),
        ({"lora": LORA}, 7),
        ({"average": 3}, 10),
    ],
    ids=["phases", "phases in the teacher's space", "the second phase distils", "lora", "average"],
)
def test_resume_equals_an_uninterrupted_run(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], after: int
) -> None:
    whole = run(inputs, tmp_path / "whole", **changes)
    with monkeypatch.context() as patch:
        cut_off(patch, after)
        with pytest.raises(KeyboardInterrupt):
            run(inputs, tmp_path / "cut", **changes)
    cut = run(inputs, tmp_path / "cut", **changes)
    assert same(weights(whole), weights(cut))


def test_the_average_is_the_mean_of_the_last_weights(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    averaged = run(inputs, tmp_path / "averaged", average=3)
    last = weights(run(inputs, tmp_path / "last"))
    with monkeypatch.context() as patch:
        cut_off(patch, 11)
        with pytest.raises(KeyboardInterrupt):
            run(inputs, tmp_path / "cut")
    sixth, ninth = (load_file(tmp_path / f"cut/checkpoints/step-{s:06d}/state.safetensors") for s in (6, 9))
    for name, tensor in weights(averaged).items():
        expected = (last[name] + sixth[f"model.{name}"] + ninth[f"model.{name}"]) / 3
        torch.testing.assert_close(tensor, expected)
    assert read_manifest(averaged).figures["averaged"] == 3


def test_lora_changes_its_targets_only_and_is_merged(inputs: Any, tmp_path: Path) -> None:
    out = run(
        inputs, tmp_path / "out", lora={**LORA, "targets": ["q_proj", "up_proj"]}, steps=30,
        optimiser={"embedding_learning_rate": 0.0, "learning_rate": 1e-2}, compute={"precision": "fp32"},
    )  # fmt: skip
    before = Retriever.from_llm(inputs.backbone).tensors()
    after = weights(out)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "q_proj" in name or "up_proj" in name}
    for name in changed:
        assert torch.linalg.matrix_rank(after[name] - before[name], rtol=1e-3) <= 4
    events = read_events(out / "events.jsonl")
    assert sum(e["loss"] for e in events[-5:]) < 0.7 * sum(e["loss"] for e in events[:5])


def test_what_does_not_go_together_is_refused(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for changes, message in [
        ({"phases": [{"share": 0.5}]}, "shares must add up to 1"),
        ({"phases": [{"share": 0.01}, {"share": 0.99}]}, "too few for their shares"),
        ({"phases": [{"unweighted": True}]}, "this key has moved\n.*weights: null in the phase"),
        ({"phases": [{"loss": {"distill": {"space": "teacher"}}}]}, "all have the same space"),
        ({"phases": [{"batch": {"document_length": 65}}]}, "65 is more than the finished model reads"),
        ({"average": 6}, "more than the number of checkpoints"),
        ({"average": 2, "lora": LORA}, "mean of LoRA's factors"),
        ({"phases": [{"share": 1.0, "kinds": ["qgen"]}]}, "0 usable examples of the kinds.*\n.*sent, title"),
        ({"lora": {"targets": ["nope"]}}, "name no layers"),
    ]:
        with pytest.raises(DramaError, match=message):
            run(inputs, tmp_path / "out", **changes)
    late = [{"share": 0.5}, {"share": 0.5, "loss": {"distill": {"kl_weight": 0.5}}}]
    settings = TrainSettings.parse(BASE | {"phases": late}, "train")
    with pytest.raises(DramaError, match="no teacher vectors"):
        train(settings, inputs.backbone, inputs.passages, inputs.examples, tmp_path / "late")
    assert not (tmp_path / "late").exists()
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(MissingExtraError, match=r"drama-retrieval\[lora\]"):
        run(inputs, tmp_path / "out", lora=LORA)
