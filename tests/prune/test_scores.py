"""Importance finds the parts that do nothing, and what it keeps is worth more than what it drops."""

from collections.abc import Callable

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from drama.prune.families import Family, family_of
from drama.prune.learn.losses import held_out_loss
from drama.prune.scores import Scores, measure
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.surgery.plan import PruningPlan, make_plan
from drama.prune.surgery.slice import slice_model

WHOLE = Shape(layers=4, hidden=48, heads=6, kv_heads=2, intermediate=40)
IDLE_CHANNELS, IDLE_NEURONS = [0, 7, 20, 47], [3, 9, 30]
ROWS_RL = torch.randint(3, 30, (16, 12), generator=torch.Generator().manual_seed(1))


def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=48, intermediate_size=40, num_hidden_layers=4, num_attention_heads=6,
        num_key_value_heads=2, head_dim=8,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def scores_of(family: Family) -> Scores:
    return measure(family, [(ROWS_RL, torch.ones_like(ROWS_RL))])


def idle_channels(family: Family) -> None:
    family.embedding.weight[:, IDLE_CHANNELS] = 0
    for layer in family.layers:
        layer.self_attn.o_proj.weight[IDLE_CHANNELS] = 0
        layer.mlp.down_proj.weight[IDLE_CHANNELS] = 0


def idle_heads(family: Family) -> None:
    """Query heads 1 and 5, one of each kv group. By a hook: the weights of values belong to whole groups."""
    for layer in family.layers:
        layer.self_attn.o_proj.register_forward_pre_hook(_without_heads)


def _without_heads(_module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
    states = args[0].clone()
    for head in (1, 5):
        states[..., head * 8 : head * 8 + 8] = 0
    return states, *args[1:]


def idle_kv_heads(family: Family) -> None:
    """The first kv head of layers 0 and 2, the second of the others."""
    for row, layer in enumerate(family.layers):
        head = row % 2
        layer.self_attn.v_proj.weight[head * 8 : head * 8 + 8] = 0


def idle_neurons(family: Family) -> None:
    for layer in family.layers:
        layer.mlp.up_proj.weight[IDLE_NEURONS] = 0


def idle_layer(family: Family) -> None:
    family.layers[1].self_attn.o_proj.weight.zero_()
    family.layers[1].mlp.down_proj.weight.zero_()


CASES: dict[str, tuple[Callable[[Family], None], Shape, Callable[[PruningPlan], bool]]] = {
    "hidden_D": (
        idle_channels,
        WHOLE._replace(hidden=44),
        lambda plan: plan.hidden == [c for c in range(48) if c not in IDLE_CHANNELS],
    ),
    "heads_NH": (
        idle_heads,
        WHOLE._replace(heads=4),
        lambda plan: all(layer.heads == [0, 2, 3, 4] for layer in plan.layers),
    ),
    "kv_heads_NK": (
        idle_kv_heads,
        WHOLE._replace(heads=3, kv_heads=1),
        lambda plan: [layer.kv_heads for layer in plan.layers] == [[1], [0], [1], [0]],
    ),
    "intermediate_NF": (
        idle_neurons,
        WHOLE._replace(intermediate=37),
        lambda plan: all(not set(IDLE_NEURONS) & set(layer.intermediate) for layer in plan.layers),
    ),
    "layers_N": (idle_layer, WHOLE._replace(layers=3), lambda plan: plan.layers_kept == [0, 2, 3]),
}


@pytest.mark.parametrize("kind", list(CASES))
@torch.no_grad()
def test_exactly_the_idle_parts_are_dropped(kind: str) -> None:
    make_idle, target, right = CASES[kind]
    family = family_of(model())
    make_idle(family)
    scores = scores_of(family)
    assert right(make_plan(scores, WHOLE, target))
    negated = scores._replace(**{kind: -getattr(scores, kind)})
    assert not right(make_plan(negated, WHOLE, target))


@pytest.fixture(scope="module")
def learnt() -> LlamaForCausalLM:
    """A model whose parts are worth keeping: it has learnt its rows."""
    parent = model()
    optimiser = torch.optim.AdamW(parent.parameters(), lr=1e-2)
    for _ in range(60):
        parent(input_ids=ROWS_RL, labels=ROWS_RL).loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    return parent


@pytest.mark.parametrize(
    ("kinds", "target"),
    [
        (["hidden_D"], WHOLE._replace(hidden=36)),
        (["kv_heads_NK"], WHOLE._replace(heads=3, kv_heads=1)),
        (["intermediate_NF"], WHOLE._replace(intermediate=20)),
        (["layers_N"], WHOLE._replace(layers=3)),
        (list(Scores._fields), Shape(layers=3, hidden=42, heads=4, kv_heads=2, intermediate=30)),
    ],
    ids=["hidden", "kv heads", "neurons", "layers", "all"],
)
def test_the_best_parts_are_worth_more_than_the_worst(
    learnt: LlamaForCausalLM, kinds: list[str], target: Shape
) -> None:
    """Of heads of one kv group nothing is said: in a model this small their activations say little."""
    family = family_of(learnt)
    assert parent_shape(family.config) == WHOLE
    scores = scores_of(family)
    negated = scores._replace(**{kind: -getattr(scores, kind) for kind in kinds})
    best, worst = (
        held_out_loss(slice_model(family, make_plan(each, WHOLE, target), target), ROWS_RL)
        for each in (scores, negated)
    )
    assert best < worst
