"""A damaged checkpoint, a write that fails, and settings that must not change what comes out."""

import resource
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from drama.errors import DramaError, FileError
from drama.prune import PruneSettings, prune
from drama.prune.families import family_of
from drama.prune.learn.recover import Recovery
from drama.prune.learn.settings import RecoverySettings
from drama.prune.methods.shearing.learn import MaskLearner
from drama.prune.methods.shearing.settings import ShearingSettings
from drama.prune.planning import planned_rounds
from drama.prune.shape.shape import Shape
from drama.records import Document, write_passages

SMALL = {
    "shape": {"layers": 2, "hidden": 48, "heads": 2, "kv_heads": 1, "intermediate": 64},
    "recovery": {"steps": 8, "batch_size": 4, "max_length": 32, "checkpoint_every": 3},
}  # fmt: skip


def test_a_damaged_checkpoint_and_a_full_disk_change_nothing(
    tiny_llm: Path, texts: list[str], tmp_path: Path, stopped_after: Any
) -> None:
    passages = tmp_path / "passages.parquet"
    write_passages(passages, [Document(f"d{i}", "", " ".join(texts[i:] + texts[:i])) for i in range(8)])
    chosen = PruneSettings.parse({"parent": str(tiny_llm), **SMALL}, "prune")
    prune(chosen, passages, tmp_path / "whole", seed=1)
    whole = load_file(tmp_path / "whole/model/model.safetensors")

    with stopped_after(7):
        prune(chosen, passages, tmp_path / "cut", seed=1)
    checkpoints = tmp_path / "cut/round-1/recovery"
    assert sorted(p.name for p in checkpoints.iterdir()) == ["step-000003", "step-000006"]
    newest = checkpoints / "step-000006/state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1000])

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (newest.stat().st_size // 2, hard))
    try:
        with pytest.raises(FileError, match="what was saved before is kept") as stopped:
            prune(chosen, passages, tmp_path / "cut", seed=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "free some" in stopped.value.hint
    assert (checkpoints / "step-000003/state.safetensors").is_file()

    prune(chosen, passages, tmp_path / "cut", seed=1)
    cut = load_file(tmp_path / "cut/model/model.safetensors")
    assert all(torch.equal(tensor, cut[name]) for name, tensor in whole.items())


CONFIG = LlamaConfig(
    vocab_size=97, hidden_size=48, intermediate_size=40, num_hidden_layers=3, num_attention_heads=6,
    num_key_value_heads=2, head_dim=8,
)  # fmt: skip
TARGET = Shape(layers=2, hidden=24, heads=2, kv_heads=1, intermediate=20)
ROWS_BL = torch.randint(3, 97, (4, 12), generator=torch.Generator().manual_seed(1))


def gradients(kind: str, **values) -> tuple[dict, dict[str, torch.Tensor]]:
    torch.manual_seed(0)
    model, parent = LlamaForCausalLM(CONFIG), LlamaForCausalLM(CONFIG).eval()
    learner: MaskLearner | Recovery
    if kind == "shearing":
        learner = MaskLearner(family_of(model), TARGET, ShearingSettings(**values), seed=3)
        with torch.no_grad():
            for log_alpha in learner.log_alpha.values():
                log_alpha.fill_(1.5)  # masks between 0 and 1
    else:
        learner = Recovery(model, parent, RecoverySettings(**values))
    parts = {name: value for name, value in learner.backward(ROWS_BL, 7).items() if type(value) is float}
    found = {name: p.grad for name, p in model.named_parameters()}
    if isinstance(learner, MaskLearner):
        found |= {name: p.grad for name, p in learner.log_alpha.items()}
    return parts, found


@pytest.mark.parametrize("kind", ["shearing", "recovery"])
def test_what_saves_memory_gives_the_same_gradients(kind: str) -> None:
    parts, expected = gradients(kind)
    for saving in ({"gradient_checkpointing": True}, {"micro_batch": 3}, {"micro_batch": 1}):
        again_parts, again = gradients(kind, **saving)
        assert again_parts == pytest.approx(parts, abs=2e-6)
        for name, gradient in expected.items():
            torch.testing.assert_close(again[name], gradient, atol=1e-6, rtol=1e-4, msg=name)
    half_parts, half = gradients(kind, precision="bf16")
    assert half_parts["loss"] == pytest.approx(parts["loss"], rel=0.02)
    assert half_parts["loss"] != parts["loss"]
    moved = {name: gradient for name, gradient in expected.items() if gradient.any()}
    assert len(moved) > len(expected) / 2
    for name, gradient in moved.items():
        assert half[name].dtype == torch.float32
        assert (half[name] - gradient).norm() < 0.1 * gradient.norm(), name


def test_tokens_pay_for_all_that_is_read(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    passages = tmp_path / "passages.parquet"
    write_passages(passages, [Document(f"d{i}", "", " ".join(texts[i:] + texts[:i])) for i in range(8)])
    values = {"parent": str(tiny_llm), "shape": {"layers": 2, "intermediate": 48}, "tokens": 2000}
    values["recovery"] = {"batch_size": 2, "max_length": 16}
    values["calibration"] = {"documents": 4}
    figures = prune(PruneSettings.parse(values, "prune"), passages, tmp_path / "out").figures
    assert figures["calibration_tokens"] > 0
    assert 2000 - 32 < figures["calibration_tokens"] + figures["recovery_tokens"] <= 2000
    with pytest.raises(DramaError, match=r"prune\.tokens: 400 in 1 round\(s\) are too few"):
        prune(PruneSettings.parse({**values, "tokens": 400}, "prune"), passages, tmp_path / "few")
    with pytest.raises(DramaError, match=r"leave recovery\.steps out"):
        PruneSettings.parse({"tokens": 9, "recovery": {"steps": 3}}, "prune")


def test_rows_longer_than_the_parents_positions_are_refused(tiny_llm: Path) -> None:
    values = {"parent": str(tiny_llm), "shape": {"layers": 2}, "recovery": {"max_length": 4097}}
    with pytest.raises(DramaError, match=r"prune\.recovery\.max_length 4097: .*\n.*at most 4096"):
        planned_rounds(PruneSettings.parse(values, "prune"))
