"""Heat maps of a round: the mask or importance of every head and neuron by layer, and which of them stayed.

Legend: N layers, H query heads, F intermediate, P points of a row.
"""

from typing import Any

import torch

from drama.prune.scores import Scores
from drama.prune.shape.shape import Shape
from drama.prune.surgery.masks import Masks, masks_of
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
    if masks:
        name, layers_N1 = "mask", scores.layers_N.unsqueeze(1)
        heads_NH = Masks(*scores).combined_heads * layers_N1
        neurons_NF = scores.intermediate_NF * layers_N1
    else:
        name = "importance, against the largest"
        heads_NH, neurons_NF = (each / each.max() for each in (scores.heads_NH, scores.intermediate_NF))
    return [
        _map(f"heads: {name}", "head", heads_NH),
        _map("heads: kept", "head", kept.combined_heads),
        _map(f"neurons: {name}", "neurons", neurons_NF),
        _map("neurons: kept", "neurons", kept.intermediate_NF),
    ]


def _map(title: str, columns: str, values_NX: torch.Tensor) -> dict[str, Any]:
    points = min(_POINTS, values_NX.shape[1])
    values_NP = torch.nn.functional.adaptive_avg_pool1d(values_NX.float(), points)
    rows = [[round(value, 3) for value in row] for row in values_NP.tolist()]
    return {"title": title, "rows": "layer", "columns": columns, "values": rows}
