"""What all training loops share: the schedule, clipping, updates left out, optimisers in checkpoints.

Gradients and moments may be sharded (`compute.shards`); checkpoints hold them whole.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from drama.compute.shards import is_sharded, shard_like, unshard
from drama.console import warn
from drama.errors import DramaError


def schedule(step: int, steps: int, warmup: float) -> float:
    """Share of the peak learning rate at a step (from 0): linear up, then linear down to almost 0.

    >>> [round(schedule(s, 10, 0.2), 2) for s in (0, 1, 2, 9)]
    [0.5, 1.0, 1.0, 0.12]
    """
    rise = max(1, round(steps * warmup))
    if step < rise:
        return (step + 1) / rise
    return (steps - step) / max(1, steps - rise)


def clip(parameters: Iterable[torch.nn.Parameter], largest: float) -> float:
    """Scale the gradients down to a norm over whole and sharded ones together; returns the norm before."""
    found = list(parameters)
    if not any(is_sharded(p) for p in found):
        return float(torch.nn.utils.clip_grad_norm_(found, largest))
    gradients = [p.grad for p in found if p.grad is not None]
    shards = [g.to_local() for g in gradients if isinstance(g, DTensor)]
    rest = [g for g in gradients if not isinstance(g, DTensor)]
    squares = torch.stack([g.float().square().sum() for g in shards]).sum()
    dist.all_reduce(squares)
    if rest:
        squares = squares + torch.stack([g.float().square().sum() for g in rest]).sum()
    norm = float(squares.sqrt())
    for gradient in [*shards, *rest]:
        gradient.mul_(min(1.0, largest / (norm + 1e-6)))
    return norm


def norm_of_rest(parameters: Iterable[torch.Tensor]) -> float:
    """0 where the gradients of parameters that are not clipped are finite, and NaN where one is not."""
    for parameter in parameters:
        gradient = parameter.grad
        if gradient is None:
            continue
        values = gradient.coalesce().values() if gradient.is_sparse else gradient
        if not torch.isfinite(values).all():
            return math.nan
    return 0.0


class Guard:
    """Decides whether an update is applied: one whose gradient is not finite is left out, and counted.

    A gradient in bf16 may overflow once in a while; many in a row mean that nothing is learnt any more.

    Args:
        loop: its name, for the messages.
        hint: what to do when too many are left out.
    """

    most = 10
    """Updates in a row that may be left out."""

    def __init__(self, loop: str, hint: str) -> None:
        self.loop, self.hint = loop, hint
        self.in_a_row = 0
        self._warned = False

    def event(self, norm: float, step: int) -> dict[str, Any]:
        """What to log of an update with this gradient norm: `gradient_norm`; `skipped` if it was left out.

        Raises:
            DramaError: too many were left out in a row.

        >>> Guard("train", "").event(0.25, 1)
        {'gradient_norm': 0.25}
        """
        if math.isfinite(norm):
            self.in_a_row = 0
            return {"gradient_norm": round(norm, 4)}
        self.in_a_row += 1
        if self.in_a_row >= self.most:
            raise DramaError(
                f"{self.loop}: the gradient was not finite in {self.in_a_row} steps in a row, up to step "
                f"{step}",
                hint=self.hint,
            )
        if not self._warned:
            warn(f"{self.loop}: step {step}: the gradient is not finite, the update is left out")
            self._warned = True
        return {"gradient_norm": 0.0, "skipped": 1}


def optimiser_state(optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, torch.Tensor]:
    """Moments and step counts as whole tensors: `optimiser.<optimiser>.<parameter>.<key>`.

    Where they are sharded, all processes must call this.
    """
    found: dict[str, torch.Tensor] = {}
    for o, optimiser in enumerate(optimisers):
        for p, state in optimiser.state_dict()["state"].items():
            found |= {f"optimiser.{o}.{p}.{key}": torch.as_tensor(value) for key, value in state.items()}
    return unshard(found)


def load_optimisers(optimisers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, torch.Tensor]) -> None:
    """Load what `optimiser_state` returned, sharded as the parameters are; other names are ignored."""
    for o, optimiser in enumerate(optimisers):
        parameters = [p for group in optimiser.param_groups for p in group["params"]]
        state: dict[int, dict[str, Any]] = {}
        for name, value in tensors.items():
            if not name.startswith(f"optimiser.{o}."):
                continue
            index, key = name.split(".")[2:]
            plain = isinstance(optimiser, torch.optim.SparseAdam) and key == "step"
            moments = shard_like(value, parameters[int(index)]) if value.dim() > 0 else value
            state.setdefault(int(index), {})[key] = int(value) if plain else moments
        optimiser.load_state_dict(optimiser.state_dict() | {"state": state})
