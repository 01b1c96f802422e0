"""What is masked, how much of it is removed, and the Lagrangian that enforces it (method: 2.1).

For each kind of part the expected sparsity ŝ of every row is pulled to the target t by the mean over rows of
λ₁(ŝ − t) + λ₂(ŝ − t)². t rises from 0 over the ramp. The masks descend on this term, λ₁ and λ₂ ascend.
"""

from typing import NamedTuple

import torch

from drama.prune.shape.shape import Shape


class Kind(NamedTuple):
    """Masks of one kind: in each of `rows` rows, `keep` of `parts` stay."""

    rows: int
    parts: int
    keep: int

    @property
    def sparsity(self) -> float:
        """The share that is removed."""
        return 1 - self.keep / self.parts


def kinds(parent: Shape, target: Shape) -> dict[str, Kind]:
    """What is masked to get from the parent to the target, by the names of `Shape`.

    Channels are one row for the whole model. Whole kv groups are removed, layer by layer; then query heads,
    the same number in each group, so that groups stay equal.

    >>> parent, target = Shape(4, 64, 8, 4, 96), Shape(4, 48, 4, 2, 96)
    >>> kinds(parent, target)
    {'hidden': Kind(rows=1, parts=64, keep=48), 'kv_heads': Kind(rows=4, parts=4, keep=2)}
    """
    group, kept_group = parent.heads // parent.kv_heads, target.heads // target.kv_heads
    every = {
        "hidden": Kind(1, parent.hidden, target.hidden),
        "layers": Kind(1, parent.layers, target.layers),
        "kv_heads": Kind(parent.layers, parent.kv_heads, target.kv_heads),
        "heads": Kind(parent.layers * parent.kv_heads, group, kept_group),
        "intermediate": Kind(parent.layers, parent.intermediate, target.intermediate),
    }
    return {name: kind for name, kind in every.items() if kind.keep < kind.parts}


def ramp(step: int, steps: int, share: float) -> float:
    """The target at a step (from 0) as a share of the final sparsity: linear to 1 over a share of the steps.

    >>> [ramp(s, 10, 0.4) for s in (0, 1, 4, 9)]
    [0.0, 0.25, 1.0, 1.0]
    """
    return min(1.0, step / max(1.0, share * steps))


def penalty(sparsity_R: torch.Tensor, wanted: float, multipliers_2: torch.Tensor) -> torch.Tensor:
    """The Lagrangian's term of one kind; `sparsity_R` is the expected sparsity of each row."""
    excess_R = sparsity_R - wanted
    return (multipliers_2[0] * excess_R + multipliers_2[1] * excess_R.square()).mean()
