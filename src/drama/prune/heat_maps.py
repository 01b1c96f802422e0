"""Heat maps of a round: the mask or importance of every head and neuron by layer, and which of them stayed.

Legend: N layers, K kv heads, H query heads, F intermediate, P points of a row.
"""

from typing import Any

import torch

from drama.prune.scores import Scores
from drama.prune.shape.shape import Shape
from drama.prune.surgery.masks import masks_of
from drama.prune.surgery.plan import PruningPlan

_POINTS = 128
"""Neurons are drawn as means of neighbours, at most this many points a layer."""


def heat_maps(scores: Scores, plan: PruningPlan, parent: Shape, masks: bool) -> list[dict[str, Any]]:
    """For a file: each map has `title`, `rows` and `columns` (what they are), and `values`, row by row.

    Args:
        scores: of the round's parent.
        plan: which parts stay.
        parent: the parent's shape.
        masks: whether the scores are masks. A part's factor is then multiplied by its layer's and kv head's.
    """
    kept = masks_of(plan, parent)
    name, heads_NH, neurons_NF = "importance, against the largest", scores.heads_NH, scores.intermediate_NF
    if masks:
        name = "mask"
        heads_NH = _with_kv_heads(scores.kv_heads_NK, heads_NH) * scores.layers_N.unsqueeze(1)
        neurons_NF = neurons_NF * scores.layers_N.unsqueeze(1)
    else:
        heads_NH, neurons_NF = (each / each.max() for each in (heads_NH, neurons_NF))
    return [
        _map(f"heads: {name}", "head", heads_NH),
        _map("heads: kept", "head", _with_kv_heads(kept.kv_heads_NK, kept.heads_NH)),
        _map(f"neurons: {name}", "neurons", neurons_NF),
        _map("neurons: kept", "neurons", kept.intermediate_NF),
    ]


def _with_kv_heads(kv_heads_NK: torch.Tensor, heads_NH: torch.Tensor) -> torch.Tensor:
    """[N, H]: each query head's factor times its kv head's."""
    return kv_heads_NK.repeat_interleave(heads_NH.shape[1] // kv_heads_NK.shape[1], dim=1) * heads_NH


def _map(title: str, columns: str, values_NX: torch.Tensor) -> dict[str, Any]:
    points = min(_POINTS, values_NX.shape[1])
    values_NP = torch.nn.functional.adaptive_avg_pool1d(values_NX.float(), points)
    rows = [[round(value, 3) for value in row] for row in values_NP.tolist()]
    return {"title": title, "rows": "layer", "columns": columns, "values": rows}
