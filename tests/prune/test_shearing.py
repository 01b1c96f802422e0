"""Learnt masks: the distribution, draws by row, what is logged, NaN; what falls: `test_idle_parts.py`."""

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
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.masked_forward import masked
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


def test_what_is_logged(parent, tmp_path: Path) -> None:
    target = parent_shape(parent.config)._replace(layers=2, hidden=24)
    learner, events = learnt(parent, target, tmp_path, steps=10, ramp=0.5)
    assert [e["step"] for e in events] == list(range(1, 11))
    assert [e["wanted_sparsity"]["hidden"] for e in events] == [0, 0.1, 0.2, 0.3, 0.4, *[0.5] * 5]
    assert events[0]["loss"] == events[0]["lm_loss"]
    for event in events:  # at every step, not only at the end
        assert event["sparsity"] == pytest.approx(event["wanted_sparsity"], abs=1e-3)
    assert all(e["phase"] == "shearing" and e["tokens"] == 48 for e in events)
    assert (learner.masks(without_noise).kv_heads_NK == 1).all()


def test_a_loss_that_is_no_number_says_what_to_lower(parent, tmp_path: Path) -> None:
    with torch.no_grad():
        parent.model.norm.weight[0] = float("nan")
    target = parent_shape(parent.config)._replace(layers=2)
    with pytest.raises(DramaError, match="the loss of shearing is nan at step 1") as stopped:
        learnt(parent, target, tmp_path)
    assert "prune.shearing.learning_rate or mask_learning_rate" in stopped.value.hint


def test_each_row_of_a_batch_has_a_draw_of_its_own(parent, tmp_path: Path) -> None:
    target = Shape(layers=2, hidden=24, heads=2, kv_heads=1, intermediate=20)
    learner, _ = learnt(parent, target, tmp_path, steps=8)
    rows_BL = ROWS_RL[:3]
    with torch.no_grad():
        with masked(learner.family, learner.draws(5, [0, 1, 2])) as model:
            together_BLV = model(input_ids=rows_BL).logits
        for row in range(3):
            with masked(learner.family, learner.draw(5, row)) as model:
                alone_LV = model(input_ids=rows_BL[row : row + 1]).logits[0]
            torch.testing.assert_close(together_BLV[row], alone_LV, atol=1e-5, rtol=1e-4)
    one, other = learner.draw(5, 0), learner.draw(5, 1)
    assert not torch.equal(one.hidden_D, other.hidden_D)
    assert torch.equal(one.hidden_D, learner.draw(5, 0).hidden_D)


def test_micro_batches_have_the_same_gradient(parent) -> None:
    target = parent_shape(parent.config)._replace(intermediate=20)
    found = []
    for micro_batch in (None, 1):
        settings = ShearingSettings(steps=10, batch_size=3, micro_batch=micro_batch)
        learner = MaskLearner(family_of(parent), target, settings, seed=3)
        with torch.no_grad():
            learner.log_alpha["intermediate"].fill_(0.5)
        learner.backward(ROWS_RL[:3], 5)
        found.append(learner.log_alpha["intermediate"].grad)
    assert found[0].abs().max() > 0
    torch.testing.assert_close(found[1], found[0], atol=1e-6, rtol=1e-3)
    assert abs(found[0].sum(dim=1)).max() < 1e-5  # equal log α: what one part gains another loses


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
    names = ["figures.json", "maps.json", "mixture.json", "plan.json", "scores.safetensors"]
    assert left == sorted([*names, "child.mark", "masks.mark", "sliced"])  # for another recovery
    drawn = json.loads((tmp_path / "out/round-1/maps.json").read_text(encoding="utf-8"))["maps"]
    sizes = {one["title"]: (len(one["values"]), len(one["values"][0])) for one in drawn}
    assert sizes == {
        "heads: mask": (4, 4), "heads: kept": (4, 4), "neurons: mask": (4, 96), "neurons: kept": (4, 96)
    }  # fmt: skip
    masks, kept = (np.array(one["values"]) for one in drawn[:2])
    assert kept.sum() == 3 * 2
    assert (masks >= 0).all()
    assert (masks <= 1).all()
