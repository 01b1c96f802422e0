"""The stage: learns, resumes bit for bit, refuses what it can't use, and follows its golden curve."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from drama.compute import schedule
from drama.errors import DramaError, FileError
from drama.records import Document, Example, read_examples, write_examples, write_passages
from drama.retriever import Retriever, RetrieverSettings
from drama.train import TrainSettings, train
from drama.train.batches.settings import BatchSettings
from drama.train.optimiser import Optimiser
from drama.train.phases import Phase, TrainData
from drama.train.settings import ComputeSettings, OptimiserSettings, PhaseSettings
from drama.train.trainer import Trainer
from drama.workspace import read_events

GOLDEN = Path(__file__).parent / "golden_loss.json"
ROUNDING = 2e-6


def losses(out: Path) -> list[float]:
    return [event["loss"] for event in read_events(out / "events.jsonl")]


def weights(out: Path) -> dict[str, torch.Tensor]:
    return Retriever.load(out / "model").tensors()


EMBEDDINGS = {"embedding_learning_rate": 1e-3}
DISTILL = {
    "loss": {"distill": {"kl_weight": 0.5, "embedding_weight": 1.0}},
    "optimiser": EMBEDDINGS,
    "teacher": True,
}
BOTH = ["query_to_document", "document_to_query"]
FILTERED = {"loss": {"distill": {"false_negative_margin": 0.1}, "directions": BOTH}, "teacher": True}
TEACHER_SPACE = {
    "loss": {
        "distill": {"space": "teacher", "kl_weight": 0.5, "corpus_weight": 1.0, "embedding_weight": 5.0},
    },
    "retriever": {"dims": [4], "max_length": 64},
    "optimiser": EMBEDDINGS,
    "teacher": True,
}  # fmt: skip
ALL_TERMS = {
    "loss": {
        "directions": [*BOTH, "query_to_query", "document_to_document"],
        "distill": {"margin_weight": 1.0, "embedding_weight": 1.0, "scores_weight": 0.5},
        "temperature": 0.05, "temperature_learning_rate": 0.02,
    },
    "teacher": True,
}  # fmt: skip
BATCHES = {
    "batch": {
        "document_length": 12, "by": ["kind"], "long": {"share": 0.3, "document_length": 64, "size": 3},
    },
}  # fmt: skip
CASES: dict[str, dict[str, Any]] = {
    "plain": {}, "distilled": DISTILL, "filtered": FILTERED, "teacher's space": TEACHER_SPACE,
    "all terms": ALL_TERMS, "batches": BATCHES,
}  # fmt: skip


@pytest.mark.parametrize("case", ["plain", "distilled", "filtered", "teacher's space", "all terms"])
def test_training_lowers_the_loss(inputs: Any, tmp_path: Path, case: str) -> None:
    events = read_events(inputs.train(tmp_path / "out", steps=40, **CASES[case]) / "events.jsonl")
    curve = [e["contrast" if case == "all terms" else "loss"] for e in events]
    assert np.mean(curve[-5:]) < 0.7 * np.mean(curve[:5])


@pytest.mark.parametrize("changes", CASES.values(), ids=CASES)
def test_resume_equals_an_uninterrupted_run(
    inputs: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object]
) -> None:
    whole = inputs.train(tmp_path / "whole", **changes)
    step = Trainer.step

    def stops(self: Trainer, number: int) -> dict[str, object]:
        if number == 10:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stops)
        with pytest.raises(KeyboardInterrupt):
            inputs.train(tmp_path / "cut", **changes)
    assert (tmp_path / "cut/tokens.arrow").is_file()
    newest = sorted((tmp_path / "cut/checkpoints").iterdir())[-1]
    (newest / "state.safetensors").write_bytes(b"torn")  # the one before must be used
    cut = inputs.train(tmp_path / "cut", **changes)
    for name, tensor in weights(whole).items():
        assert torch.equal(tensor, weights(cut)[name]), name
    assert losses(cut) == losses(whole)
    assert not (cut / "tokens.arrow").exists()


@pytest.mark.numeric
@pytest.mark.parametrize(
    "switch",
    [
        {"padding_free": False},
        {"padding_free": False, "gradient_checkpointing": True},
        {"gradient_checkpointing": True},
        {"gradient_checkpointing": True, "fused": False, "kept_tokens": 100, "chunk_tokens": 64},
        {"fused": False},
        {"kept_tokens": 0, "chunk_tokens": 64},
        {"kept_tokens": 100, "chunk_tokens": 64},
    ],
    ids=[
        "padded",
        "padded, checkpointed",
        "fused, checkpointed",
        "packed, checkpointed, cached",
        "not fused",
        "all texts twice",
        "some texts twice",
    ],
)
def test_speed_and_memory_switches_do_not_change_training(
    inputs: Any, tmp_path: Path, switch: dict[str, object]
) -> None:
    def run(name: str, **compute: object) -> Path:
        how = {**DISTILL, "batch": {"negatives": 2}, "compute": {"precision": "fp32", **compute}}
        return inputs.train(tmp_path / name, **how)

    plain, other = run("plain"), run("other", **switch)
    # The same gradients but for rounding. AdamW takes a whole step where a gradient is mere rounding, so the
    # losses drift apart: by 2e-4 after 12 steps, as the processor will have it.
    np.testing.assert_allclose(losses(other)[:3], losses(plain)[:3], rtol=1e-4)
    np.testing.assert_allclose(losses(other), losses(plain), rtol=5e-3, atol=1e-5)
    events = list(read_events(other / "events.jsonl"))
    assert (events[0]["computed_twice"] > 0) is ("kept_tokens" in switch)
    assert (events[0]["padding"] > 0) is ("padding_free" in switch)


@pytest.mark.parametrize("path", ["fused", "packed", "padded"])
def test_checkpointed_layers_keep_less_memory(tiny_llm: Path, texts: list[str], path: str) -> None:
    def kept(checkpointed: bool) -> int:
        """Bytes that a forward pass of 4 layers leaves for the backward pass."""
        retriever = Retriever.from_llm(tiny_llm, RetrieverSettings())
        compute = ComputeSettings(fused=path == "fused", gradient_checkpointing=checkpointed)
        settings = PhaseSettings(batch=BatchSettings(size=4))
        Trainer(retriever, Phase(0, 200, settings, TrainData(rows, tokens, documents)), compute, None, seed=0)
        retriever.backbone.train()
        with torch.profiler.profile(profile_memory=True) as profile:
            vectors_BD = retriever.forward(tokens, path == "padded")
        vectors_BD.sum().backward()
        return sum(event.self_cpu_memory_usage for event in profile.key_averages())

    rows = [Example(str(i), text[:9], [str(i)], [], [], [], "sent") for i, text in enumerate(texts)]
    tokens = Retriever.from_llm(tiny_llm).tokens(texts, "document", 64)
    documents = {str(i): ids for i, ids in enumerate(tokens)}
    assert 0 < kept(checkpointed=True) < 0.5 * kept(checkpointed=False)


def test_the_fused_optimiser_is_adamw(tiny_llm: Path) -> None:
    retriever, plain = Retriever.from_llm(tiny_llm), Retriever.from_llm(tiny_llm)
    settings = OptimiserSettings(learning_rate=0.01, warmup=0.0, clip=1e9)
    ours = Optimiser(retriever.backbone, settings, steps=5)
    assert all(group["fused"] for group in ours._all[0].param_groups)
    parts = [[p for p in plain.parameters() if p.dim() == d] for d in (2, 1)]
    parts[0].remove(plain.backbone.get_input_embeddings().weight)
    groups = [{"params": p, "weight_decay": d} for p, d in zip(parts, (0.01, 0.0), strict=True)]
    theirs = torch.optim.AdamW(groups, betas=(0.9, 0.98), foreach=False, fused=False)
    for step in range(5):
        torch.manual_seed(step)
        for own, other in zip(retriever.parameters(), plain.parameters(), strict=True):
            own.grad = torch.randn_like(own) if own.requires_grad else None
            other.grad = None if own.grad is None else own.grad.clone()
        for group in theirs.param_groups:
            group["lr"] = 0.01 * schedule(step, 5, 0.0)
        ours.step(step)
        theirs.step()
    for own, other in zip(retriever.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own, other, rtol=1e-5, atol=1e-6)


def test_frozen_embeddings_stay_and_trained_ones_move(inputs: Any, tmp_path: Path) -> None:
    before = Retriever.from_llm(inputs.backbone).backbone.get_input_embeddings().weight
    frozen = weights(inputs.train(tmp_path / "frozen"))["embed_tokens.weight"]
    moved = weights(inputs.train(tmp_path / "moved", optimiser=EMBEDDINGS))["embed_tokens.weight"]
    assert torch.equal(before, frozen)
    assert not torch.equal(before, moved)


@pytest.mark.numeric
def test_golden_loss_curve(inputs: Any, tmp_path: Path) -> None:
    """Losses are rounded to 6 digits, so that another processor's last bits don't matter. Rewrite them only
    for a change that is meant to change training: delete golden_loss.json, run this test, say why in the
    commit."""
    how = {"optimiser": {"learning_rate": 3e-4}, "compute": {"precision": "fp32"}}
    curve = losses(inputs.train(tmp_path / "out", **how))
    if not GOLDEN.exists():
        GOLDEN.write_text(json.dumps(curve))
        pytest.fail("golden_loss.json was missing and has been written; look at it and commit it")
    golden = np.array(json.loads(GOLDEN.read_text()))
    assert all(golden[:-1] > 10 * ROUNDING)  # the test can fail at each of them; the last one is 0
    np.testing.assert_allclose(curve, golden, rtol=1e-3, atol=ROUNDING)


def test_an_unchanged_stage_is_skipped(inputs: Any, tmp_path: Path) -> None:
    out = inputs.train(tmp_path / "out")
    stamp = (out / "model/model.safetensors").stat().st_mtime_ns
    inputs.train(out)
    assert (out / "model/model.safetensors").stat().st_mtime_ns == stamp


def test_distillation_without_vectors_is_refused(inputs: Any, tmp_path: Path) -> None:
    with pytest.raises(DramaError, match="no teacher vectors"):
        inputs.train(tmp_path, loss={"distill": {"kl_weight": 0.5}})


def test_scores_are_asked_for_only_where_there_are_some(inputs: Any, tmp_path: Path) -> None:
    inputs.train(tmp_path / "scored", steps=1, loss={"distill": {"scores_weight": 1.0}})
    bare = [e._replace(negative_scores=[]) for e in read_examples(inputs.examples)]
    write_examples(tmp_path / "bare.parquet", bare)
    settings = TrainSettings.parse({"loss": {"distill": {"scores_weight": 1.0}}}, "train")
    with pytest.raises(DramaError, match="none of the examples has scores"):
        train(settings, inputs.backbone, inputs.passages, tmp_path / "bare.parquet", tmp_path / "out")


def test_scores_of_one_document_a_query_are_refused() -> None:
    none, one = {"batch": {"negatives": 0}}, {"batch": {"negatives": 1}}
    alone = {**none, "loss": {"distill": {"scores_weight": 1.0}}}
    TrainSettings.parse(alone | {"phases": [{"share": 0.5}, {"share": 0.5, **one}]}, "train")
    phases = [{"share": 0.5, **none}, {"share": 0.5, **none}]
    for refused in (alone, alone | one | {"phases": phases}):
        with pytest.raises(DramaError, match="nothing to compare"):
            TrainSettings.parse(refused, "train")


@pytest.mark.parametrize(
    "changes",
    [
        {"query_length": 129},
        {"document_length": 129},
        {"long": {"share": 0.1, "document_length": 129, "size": 2}},
    ],
)
def test_texts_longer_than_the_finished_model_reads_are_refused(changes: dict[str, object]) -> None:
    TrainSettings.parse({"retriever": {"max_length": 129}, "batch": changes}, "train")
    with pytest.raises(DramaError, match="129 is more than the finished model reads"):
        TrainSettings.parse({"retriever": {"max_length": 128}, "batch": changes}, "train")


def test_layers_are_not_sharded_over_one_process(inputs: Any, tmp_path: Path) -> None:
    with pytest.raises(DramaError, match=r"train\.compute\.shard: there is only one process\n.*torchrun"):
        inputs.train(tmp_path / "out", compute={"shard": True})
    assert not (tmp_path / "out").exists()


def test_a_width_above_the_models_is_refused(inputs: Any, tmp_path: Path) -> None:
    with pytest.raises(DramaError, match=r"dims: \[65\]"):
        inputs.train(tmp_path, retriever={"dims": [65]})


def test_loss_that_is_no_number_stops_with_advice(inputs: Any, tmp_path: Path) -> None:
    with pytest.raises(DramaError, match=r"lower train\.optimiser\.learning_rate"):
        inputs.train(tmp_path, optimiser={"learning_rate": 1e30, "clip": 1e30})


def test_a_passage_that_is_missing_is_named(
    inputs: Any, tmp_path: Path, tiny_llm: Path, texts: list[str]
) -> None:
    other = tmp_path / "passages.parquet"
    write_passages(other, [Document("d0", "", texts[0])])
    with pytest.raises(FileError, match="7 passages that the examples name are missing"):
        train(TrainSettings(), tiny_llm, other, inputs.examples, tmp_path / "out")


def test_a_learnt_temperature_moves_and_stays_above_its_bound(inputs: Any, tmp_path: Path) -> None:
    events = read_events(
        inputs.train(tmp_path, steps=30, loss={"temperature_learning_rate": 0.2}) / "events.jsonl"
    )
    assert events[0]["temperature"] == pytest.approx(0.02)
    assert len({event["temperature"] for event in events}) > 10
    assert min(event["temperature"] for event in events) >= 0.01 - 1e-9
