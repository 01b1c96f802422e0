"""What all training loops share: the learning-rate schedule, clipping, and optimisers in checkpoints.

Gradients and moments may be sharded (`compute.shards`); checkpoints hold them whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor

from drama.compute.shards import is_sharded, shard_like, unshard


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
