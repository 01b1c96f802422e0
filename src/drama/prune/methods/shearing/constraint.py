"""What is masked, how much of it is removed, and how the masks are held to it (method: 2.1).

At every step the expected sparsity of every row of masks is the target, which rises from 0 over the ramp.
Sheared LLaMA reaches it by a Lagrangian, λ₁(ŝ − t) + λ₂(ŝ − t)². Within a few hundred steps λ swings, and
so do the masks that nothing but λ moves: those of parts that do nothing. Here the constraint holds exactly
instead: a row's gradient loses what would change ŝ (as λ₁ takes it away once it has converged), and after
each update one shift of the whole row's log α makes up for what is left.

Legend: R rows, P parts of a row.
"""

from typing import NamedTuple

import torch

from drama.prune.methods.shearing.hard_concrete import LOG_ALPHA_BOUNDS, probability_of_zero
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


def expected_sparsity(log_alpha_RP: torch.Tensor) -> torch.Tensor:
    """[R]: 0 where all masks of a row are as open as their bounds allow, 1 where all are as closed.

    >>> expected_sparsity(torch.tensor([[-4.6052, 4.6052], [-4.6052, -4.6052]])).round(decimals=4).tolist()
    [0.5, 1.0]
    """
    low, high = probability_of_zero(torch.tensor(LOG_ALPHA_BOUNDS)).tolist()
    sparsity_R: torch.Tensor = (probability_of_zero(log_alpha_RP).mean(dim=1) - high) / (low - high)
    return sparsity_R


def along_constraint(gradient_RP: torch.Tensor, log_alpha_RP: torch.Tensor) -> torch.Tensor:
    """The gradient without what would change the expected sparsity of a row. A part without a gradient of
    its own then falls as fast as the others of its row deserve to rise.

    >>> along_constraint(torch.tensor([[-2.0, 0.0]]), torch.zeros(1, 2)).tolist()
    [[-1.0, 1.0]]
    """
    zero_RP = probability_of_zero(log_alpha_RP)
    slope_RP = zero_RP * (1 - zero_RP)
    common_R1 = gradient_RP.sum(dim=1, keepdim=True) / slope_RP.sum(dim=1, keepdim=True)
    return gradient_RP - slope_RP * common_R1


def held(log_alpha_RP: torch.Tensor, wanted: float) -> torch.Tensor:
    """log α within its bounds, each row shifted until its expected sparsity is the one that is wanted.

    >>> expected_sparsity(held(torch.tensor([[0.0, 1.0, 3.0]]), 0.5)).round(decimals=4).tolist()
    [0.5]
    """
    width = LOG_ALPHA_BOUNDS[1] - LOG_ALPHA_BOUNDS[0]
    below_R1 = log_alpha_RP.amin(dim=1, keepdim=True) - width - LOG_ALPHA_BOUNDS[1]
    above_R1 = log_alpha_RP.amax(dim=1, keepdim=True) + width - LOG_ALPHA_BOUNDS[0]
    for _ in range(40):  # a larger shift down: more sparsity
        shift_R1 = (below_R1 + above_R1) / 2
        enough_R1 = expected_sparsity((log_alpha_RP - shift_R1).clamp(*LOG_ALPHA_BOUNDS))[:, None] >= wanted
        above_R1 = torch.where(enough_R1, shift_R1, above_R1)
        below_R1 = torch.where(enough_R1, below_R1, shift_R1)
    return (log_alpha_RP - (below_R1 + above_R1) / 2).clamp(*LOG_ALPHA_BOUNDS)
