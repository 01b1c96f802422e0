"""Plan: which layers, channels, heads and neurons stay. Exactly the target shape, the same in every layer.

With grouped queries whole kv groups are chosen by their kv heads' scores; inside each kept group the same
number of query heads stays, so that the groups stay equal.
"""

from typing import Literal, NamedTuple

import torch

from drama.prune.scores import Scores
from drama.prune.shape.shape import Shape


class LayerPlan(NamedTuple):
    """What stays of one layer, by rising index in the parent."""

    layer: int
    heads: list[int]
    kv_heads: list[int]
    intermediate: list[int]


class Plan(NamedTuple):
    """What stays of the parent."""

    hidden: list[int]
    layers: list[LayerPlan]


def make_plan(
    scores: Scores, parent: Shape, target: Shape, keep_layers: Literal["importance", "first"]
) -> Plan:
    """Keep the best of each kind; with `first` the lowest layers, whatever their scores."""
    lowest = list(range(target.layers))
    kept = lowest if keep_layers == "first" else _best(scores.layers_N, target.layers)
    group = parent.heads // parent.kv_heads
    wanted = target.heads // target.kv_heads
    layers = []
    for layer in kept:
        heads_KG = scores.heads_NH[layer].reshape(parent.kv_heads, group)
        kv_heads = _best(scores.kv_heads_NK[layer], target.kv_heads)
        heads = [kv * group + g for kv in kv_heads for g in _best(heads_KG[kv], wanted)]
        neurons = _best(scores.intermediate_NF[layer], target.intermediate)
        layers.append(LayerPlan(layer, heads, kv_heads, neurons))
    return Plan(_best(scores.hidden_D, target.hidden), layers)


def _best(scores: torch.Tensor, k: int) -> list[int]:
    """Indices of the k largest, ties to the lower index, in rising order."""
    order = torch.sort(scores, descending=True, stable=True).indices[:k]
    return sorted(order.tolist())
