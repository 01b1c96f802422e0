"""The pruning plan: which layers, channels, heads and neurons stay. Exactly the target shape, and the same
widths in every layer.

With grouped queries, whole kv groups are chosen by the scores of their kv heads. The same number of query
heads stays in each kept group, so that the groups stay equal.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch

from drama.files.checksums import read_sealed_json, write_sealed_json
from drama.prune.scores import Scores
from drama.prune.shape.shape import Shape

AGAIN = "remove the folder of the stage, and prune again"
"""What to do where a record of a pruning is damaged."""


class LayerPlan(NamedTuple):
    """What stays of one layer, by rising index in the parent."""

    layer: int
    heads: list[int]
    kv_heads: list[int]
    intermediate: list[int]


class PruningPlan(NamedTuple):
    """What stays of the parent."""

    hidden: list[int]
    layers: list[LayerPlan]

    @property
    def layers_kept(self) -> list[int]:
        """Indices of the layers that stay."""
        return [layer.layer for layer in self.layers]

    def write(self, path: Path) -> None:
        """As JSON."""
        write_sealed_json(path, {"hidden": self.hidden, "layers": [layer._asdict() for layer in self.layers]})

    @classmethod
    def read(cls, path: Path) -> "PruningPlan":
        """What `write` left; a FileError if it is damaged."""
        values = read_sealed_json(path, hint=AGAIN)
        return cls(values["hidden"], [LayerPlan(**layer) for layer in values["layers"]])


def make_plan(scores: Scores, parent: Shape, target: Shape) -> PruningPlan:
    """Keep the best parts of each kind."""
    group = parent.heads // parent.kv_heads
    kept_group = target.heads // target.kv_heads
    layers = []
    for layer in _best(scores.layers_N, target.layers):
        heads_KG = scores.heads_NH[layer].reshape(parent.kv_heads, group)
        kv_heads = _best(scores.kv_heads_NK[layer], target.kv_heads)
        heads = [kv * group + g for kv in kv_heads for g in _best(heads_KG[kv], kept_group)]
        neurons = _best(scores.intermediate_NF[layer], target.intermediate)
        layers.append(LayerPlan(layer, heads, kv_heads, neurons))
    return PruningPlan(_best(scores.hidden_D, target.hidden), layers)


def kept_through(plans: Iterable[PruningPlan]) -> tuple[list[int], list[int]]:
    """(channels, layers) that are left after several plans in turn, by their indices in the first parent.

    >>> rounds = [PruningPlan([0, 2, 3], []), PruningPlan([1, 2], [])]
    >>> kept_through(rounds)[0]
    [2, 3]
    """
    channels: list[int] = []
    layers: list[int] = []
    for plan in plans:
        channels = [channels[c] for c in plan.hidden] if channels else plan.hidden
        layers = [layers[n] for n in plan.layers_kept] if layers else plan.layers_kept
    return channels, layers


def _best(scores: torch.Tensor, k: int) -> list[int]:
    """Indices of the k largest, ties to the lower index, in rising order."""
    order = torch.sort(scores, descending=True, stable=True).indices[:k]
    return sorted(order.tolist())
