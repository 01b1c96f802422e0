"""Learnt masks: the distribution, the constraint, what falls, what is logged, and NaN."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from drama.errors import DramaError
from drama.prune import PruneSettings, prune
from drama.prune.families import family_of
from drama.prune.learn.domains import Domain, Mixture
from drama.prune.learn.settings import DomainSettings
from drama.prune.learn.updates import Log, update
from drama.prune.methods.shearing.hard_concrete import probability_of_zero, sample, without_noise
from drama.prune.methods.shearing.learn import MaskLearner
from drama.prune.methods.shearing.settings import ShearingSettings
from drama.prune.scores import Scores
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.plan import make_plan
from drama.records import Document, write_passages
from drama.workspace import read_events


def test_draws_are_zero_as_often_as_said() -> None:
    generator = torch.Generator().manual_seed(0)
    for value in (-3.0, -1.0, 0.0, 2.0):
        log_alpha = torch.full((40_000,), value)
        share = (sample(log_alpha, generator) == 0).float().mean()
        torch.testing.assert_close(share, probability_of_zero(log_alpha[0]), atol=0.01, rtol=0)


def test_draws_depend_on_the_seed_and_have_a_gradient() -> None:
    log_alpha = torch.zeros(1000, requires_grad=True)
    one, again, other = (sample(log_alpha, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    one.sum().backward()
    between = (one > 0) & (one < 1)
    assert torch.equal(log_alpha.grad > 0, between)
    assert 0.3 < between.float().mean() < 0.9
    assert without_noise(torch.tensor([0.0])).item() == 0.5


@pytest.fixture
def parent():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=48, intermediate_size=40, num_hidden_layers=3, num_attention_heads=6,
        num_key_value_heads=2, head_dim=8,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


ROWS_RL = torch.randint(3, 30, (16, 12), generator=torch.Generator().manual_seed(1))


def learnt(parent, target: Shape, folder: Path, **values) -> tuple[MaskLearner, list[dict]]:
    settings = ShearingSettings.parse({"steps": 120, "batch_size": 4, **values}, "prune.shearing")
    learner = MaskLearner(family_of(parent), target, settings, seed=3)
    mixture = Mixture([Domain("en", ROWS_RL, ROWS_RL)], DomainSettings(), {})
    update(learner, mixture, Log(folder / "events.jsonl", folder / "checkpoints", 0), seed=3)
    return learner, read_events(folder / "events.jsonl")


def test_the_constraint_reaches_the_shape_and_idle_heads_fall(parent, tmp_path: Path) -> None:
    optimiser = torch.optim.AdamW(parent.parameters(), lr=1e-2)
    for _ in range(100):  # parts are worth keeping in a model that has learnt something
        parent(input_ids=ROWS_RL, labels=ROWS_RL).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    with torch.no_grad():
        parent.model.layers[1].self_attn.o_proj.weight[:, 24:] = 0  # the second kv group
        parent.model.layers[1].self_attn.o_proj.weight[:, :8] = 0  # the first head of the first group
    before = parent_shape(parent.config)
    target = Shape(layers=3, hidden=48, heads=2, kv_heads=1, intermediate=30)
    learner, events = learnt(parent, target, tmp_path)
    last = events[-1]
    assert set(last["sparsity"]) == {"kv_heads", "heads", "intermediate"}
    for name, kind in learner.kinds.items():
        assert last["wanted_sparsity"][name] == round(kind.sparsity, 4)
        assert abs(last["sparsity"][name] - kind.sparsity) < 0.05, name
    masks = learner.masks(without_noise)
    plan = make_plan(Scores(*(getattr(masks, f) for f in Scores._fields)), before, target)
    assert all(len(layer.intermediate) == 30 for layer in plan.layers)
    assert (plan.layers[1].kv_heads, plan.layers[1].heads) == ([0], [1, 2])


def test_what_is_logged(parent, tmp_path: Path) -> None:
    target = parent_shape(parent.config)._replace(layers=2, hidden=24)
    learner, events = learnt(parent, target, tmp_path, steps=10, ramp=0.5)
    assert [e["step"] for e in events] == list(range(1, 11))
    assert [e["wanted_sparsity"]["hidden"] for e in events] == [0, 0.1, 0.2, 0.3, 0.4, *[0.5] * 5]
    assert events[0]["multipliers"] == {"hidden": [0, 0], "layers": [0, 0]}
    assert events[0]["loss"] == events[0]["lm_loss"]
    first, second = events[-1]["multipliers"]["hidden"]
    assert first < 0 < second  # too much stands: λ₁ falls, λ₂ rises
    assert all(e["phase"] == "shearing" and e["tokens"] == 48 for e in events)
    assert (learner.masks(without_noise).kv_heads_NK == 1).all()


def test_a_loss_that_is_no_number_says_what_to_lower(parent, tmp_path: Path) -> None:
    with torch.no_grad():
        parent.model.norm.weight[0] = float("nan")
    target = parent_shape(parent.config)._replace(layers=2)
    with pytest.raises(DramaError, match="the loss of shearing is nan at step 1") as stopped:
        learnt(parent, target, tmp_path)
    assert "prune.shearing.learning_rate or mask_learning_rate" in stopped.value.hint


SHAPE = {"layers": 3, "hidden": 48, "heads": 2, "kv_heads": 1, "intermediate": 64}


def test_the_stage_leaves_a_plain_model_of_the_shape(
    tiny_llm: Path, texts: list[str], tmp_path: Path
) -> None:
    passages = [Document(f"d{i}", "", " ".join(texts[i:] + texts[:i])) for i in range(8)]
    write_passages(tmp_path / "p.parquet", passages)
    values = {
        "parent": str(tiny_llm), "shape": SHAPE, "method": "shearing",
        "shearing": {"steps": 20, "batch_size": 2},
        "recovery": {"steps": 20, "batch_size": 4, "max_length": 32, "learning_rate": 3e-3},
    }  # fmt: skip
    manifest = prune(PruneSettings.parse(values, "prune"), tmp_path / "p.parquet", tmp_path / "out", seed=1)
    figures = manifest.figures
    assert figures["held_out_loss_recovered"] < figures["held_out_loss_sliced"] - 0.3
    assert (figures["learning_tokens"], figures["recovery_tokens"]) == (20 * 2 * 32, 20 * 4 * 32)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out/model")
    assert parent_shape(model.config) == Shape(**SHAPE)
    events = read_events(tmp_path / "out/events.jsonl")
    assert [e["step"] for e in events] == list(range(1, 41))
    assert [e["phase"] for e in events] == ["shearing"] * 20 + ["recovery"] * 20
    left = sorted(p.name for p in (tmp_path / "out/round-1").iterdir())
    assert left == ["figures.json", "maps.json", "plan.json", "scores.safetensors"]
    drawn = json.loads((tmp_path / "out/round-1/maps.json").read_text(encoding="utf-8"))
    sizes = {one["title"]: (len(one["values"]), len(one["values"][0])) for one in drawn}
    assert sizes == {
        "heads: mask": (4, 4), "heads: kept": (4, 4), "neurons: mask": (4, 96), "neurons: kept": (4, 96)
    }  # fmt: skip
    masks, kept = (np.array(one["values"]) for one in drawn[:2])
    assert kept.sum() == 3 * 2
    assert (masks >= 0).all()
    assert (masks <= 1).all()
