"""Layers split over the processes (FSDP2): each keeps its part of weights, gradients and moments.

The token embeddings, the last norm and the head stay whole on every process. A layer is put together for its
own pass only; so all processes must make the same number of passes, which `forward.in_step` sees to.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, distribute_tensor

from drama.errors import DramaError


def split_layers(backbone: Any) -> None:
    """Split the layers of a decoder stack, in place; does nothing where they are split already.

    Raises:
        DramaError: the model has no list of layers.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    layers = getattr(backbone, "layers", None)
    if layers is None:
        raise DramaError(
            f"train.shard: a {backbone.config.model_type} backbone can't be split",
            hint="leave train.shard out: the whole model is then on each process",
        )
    if any(is_split(parameter) for parameter in layers.parameters()):
        return
    mesh = init_device_mesh(backbone.device.type, (dist.get_world_size(),))
    for layer in layers:
        fully_shard(layer, mesh=mesh, reshard_after_forward=True)


def is_split(tensor: torch.Tensor | None) -> bool:
    """Whether this process holds a part only."""
    return isinstance(tensor, DTensor)


def whole(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors put together; where one is split, all processes must call this."""
    return {name: t.full_tensor() if isinstance(t, DTensor) else t for name, t in tensors.items()}


def like(tensor: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """A whole tensor, split as `own` is."""
    if not isinstance(own, DTensor):
        return tensor
    return distribute_tensor(tensor.to(own.device), own.device_mesh, own.placements)


def clip(parameters: Iterable[torch.nn.Parameter], largest: float) -> float:
    """Scale the gradients down to a norm over whole and split ones together; returns the norm before."""
    gradients = [p.grad for p in parameters if p.grad is not None]
    parts = [g.to_local() for g in gradients if isinstance(g, DTensor)]
    rest = [g for g in gradients if not isinstance(g, DTensor)]
    squares = torch.stack([g.float().square().sum() for g in parts]).sum()
    dist.all_reduce(squares)
    if rest:
        squares = squares + torch.stack([g.float().square().sum() for g in rest]).sum()
    norm = float(squares.sqrt())
    for gradient in [*parts, *rest]:
        gradient.mul_(min(1.0, largest / (norm + 1e-6)))
    return norm
