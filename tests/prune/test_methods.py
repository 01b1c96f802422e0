"""Depth keeps the layers that change their input most, uniform spaces evenly; the stage runs both."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from typer.testing import CliRunner

from drama.cli import _app
from drama.compute import World
from drama.prune.families import family_of
from drama.prune.learn.domains import Domain, Mixture
from drama.prune.learn.settings import DomainSettings
from drama.prune.learn.updates import Log
from drama.prune.methods import METHODS
from drama.prune.methods.shearing.settings import ShearingSettings
from drama.prune.methods.task import Task
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.plan import make_plan
from drama.prune.surgery.slice import slice_model


@pytest.fixture
def parent():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=48, intermediate_size=40, num_hidden_layers=4, num_attention_heads=6,
        num_key_value_heads=2, head_dim=8,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def batches():
    tokens_BL = torch.randint(3, 97, (3, 9), generator=torch.Generator().manual_seed(1))
    yield tokens_BL, torch.ones_like(tokens_BL)


def task(target: Shape, texts) -> Task:
    rows_RL = torch.zeros(1, 8, dtype=torch.long)
    mixture = Mixture([Domain("en", rows_RL, rows_RL)], DomainSettings(), {})
    nowhere = Log(Path("events.jsonl"), Path("checkpoints"), 0)
    return Task(target, texts, mixture, ShearingSettings(), nowhere, 0, World())


def test_depth_drops_the_layer_that_does_nothing(parent) -> None:
    family = family_of(parent)
    with torch.no_grad():
        family.layers[1].self_attn.o_proj.weight.zero_()
        family.layers[1].mlp.down_proj.weight.zero_()
    before = parent_shape(parent.config)
    target = before._replace(layers=3)
    plan = make_plan(METHODS["depth"].score(family, task(target, batches())), before, target)
    assert [layer.layer for layer in plan.layers] == [0, 2, 3]
    tokens_BL, _ = next(batches())
    child = slice_model(family, plan, target)
    torch.testing.assert_close(child(input_ids=tokens_BL).logits, parent(input_ids=tokens_BL).logits)


def test_first_keeps_the_lowest_layers_and_the_widths_of_importance(parent) -> None:
    family, before = family_of(parent), parent_shape(parent.config)
    target = Shape(layers=2, hidden=24, heads=2, kv_heads=1, intermediate=20)
    scores = METHODS["first"].score(family, task(target, batches()))
    plan = make_plan(scores, before, target)
    assert plan.layers_kept == [0, 1]
    same = METHODS["importance"].score(family, task(target, batches()))
    expected = make_plan(same, before, target._replace(layers=4))
    assert plan.hidden == expected.hidden
    assert plan.layers == expected.layers[:2]


def test_uniform_spaces_evenly_and_reads_no_text(parent) -> None:
    def no_text():
        raise AssertionError("uniform reads no text")
        yield

    target = Shape(layers=2, hidden=3, heads=2, kv_heads=1, intermediate=5)
    scores = METHODS["uniform"].score(family_of(parent), task(target, no_text()))
    plan = make_plan(scores, parent_shape(parent.config), target)
    assert plan.hidden == [0, 24, 47]
    assert [layer.layer for layer in plan.layers] == [0, 3]
    for layer in plan.layers:
        assert (layer.kv_heads, layer.heads) == ([0], [0, 2])
        assert layer.intermediate == [0, 10, 20, 29, 39]


def test_the_command_lists_the_methods() -> None:
    shown = CliRunner().invoke(_app(), ["prune", "--help"]).output
    assert all(method in shown for method in METHODS)


@pytest.mark.parametrize(
    ("method", "options"), [("depth", []), ("uniform", ["--hidden", "32", "--intermediate", "48"])]
)
def test_the_command_takes_a_method(
    tiny_llm: Path, texts: list[str], tmp_path: Path, method: str, options: list[str]
) -> None:
    source = tmp_path / "texts"
    source.mkdir()
    (source / "all.txt").write_text("\n\n".join(texts * 4), encoding="utf-8")
    command = ["prune", str(tiny_llm), "--data", str(source), "--out", str(tmp_path / "out")]
    command += ["--layers", "2", "--method", method, "--set", "recovery.max_length=16", *options]
    result = CliRunner().invoke(_app(), command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "out/prune/model")
    assert parent_shape(model.config)[:2] == (2, 32 if options else 64)
