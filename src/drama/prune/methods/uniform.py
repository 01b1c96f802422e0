"""Uniform: evenly spaced layers, channels, heads and neurons. The naive baseline.

Legend: N layers, D hidden, K kv heads, G query heads a kv head, H = K·G, F intermediate.
"""

import torch

from drama.prune.families import Family
from drama.prune.methods.task import Task
from drama.prune.scores import Scores
from drama.prune.shape.shape import parent_shape


def evenly_spaced(family: Family, task: Task) -> Scores:
    """One for each part that stays, zero for the others, the same in every layer; query heads are evenly
    spaced in each kv group. No text is read."""
    parent, target = parent_shape(family.config), task.target
    marks_K = _marks(parent.kv_heads, target.kv_heads)
    marks_G = _marks(parent.heads // parent.kv_heads, target.heads // target.kv_heads)
    return Scores(
        _marks(parent.hidden, target.hidden),
        marks_K.repeat(parent.layers, 1),
        torch.outer(marks_K, marks_G).flatten().repeat(parent.layers, 1),
        _marks(parent.intermediate, target.intermediate).repeat(parent.layers, 1),
        _marks(parent.layers, target.layers),
    )


def evenly(count: int, keep: int) -> list[int]:
    """`keep` of `count` indices, the first and the last among them.

    >>> evenly(30, 4)
    [0, 10, 19, 29]
    >>> evenly(5, 1)
    [0]
    """
    gaps = max(keep - 1, 1)
    return [(2 * i * (count - 1) + gaps) // (2 * gaps) for i in range(keep)]


def _marks(count: int, keep: int) -> torch.Tensor:
    marks = torch.zeros(count)
    marks[evenly(count, keep)] = 1.0
    return marks
