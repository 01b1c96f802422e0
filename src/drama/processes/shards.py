"""Layers split over the processes (FSDP2): each keeps its part of weights, gradients and moments.

What is not in a layer (token embeddings, last norm, head) stays whole on every process. A layer is put
together for its own pass only; so all processes must make the same number of passes.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, distribute_tensor

from drama.workspace.checkpoint import load_optimisers


def split_layers(layers: Iterable[torch.nn.Module], device: torch.device) -> None:
    """Split layers over all processes, in place; does nothing where they are split already."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for layer in layers:
        if not any(is_split(parameter) for parameter in layer.parameters()):
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
    found = list(parameters)
    if not any(is_split(p) for p in found):
        return float(torch.nn.utils.clip_grad_norm_(found, largest))
    gradients = [p.grad for p in found if p.grad is not None]
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


def load_moments(optimisers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, torch.Tensor]) -> None:
    """Take back whole moments, split as their parameters are."""
    owners = {
        f"optimiser.{o}.{i}": parameter
        for o, optimiser in enumerate(optimisers)
        for i, parameter in enumerate(p for group in optimiser.param_groups for p in group["params"])
    }
    moments = {name: tensor for name, tensor in tensors.items() if name.startswith("optimiser.")}
    for name, tensor in moments.items():
        if tensor.dim() > 0:
            moments[name] = like(tensor, owners[name.rpartition(".")[0]])
    load_optimisers(optimisers, moments)
