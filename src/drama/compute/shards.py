"""Layers sharded over the processes (FSDP2): each holds its shard of weights, gradients and moments.

What is not in a layer (token embeddings, last norm, head) is whole on every process. A layer is unsharded for
its own pass only, so all processes must make the same number of passes.
"""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.tensor import DTensor, distribute_tensor


def shard_layers(layers: Iterable[torch.nn.Module], device: torch.device) -> None:
    """Shard layers over all processes, in place; does nothing where they are sharded already."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    for layer in layers:
        if not any(is_sharded(parameter) for parameter in layer.parameters()):
            fully_shard(layer, mesh=mesh, reshard_after_forward=True)


def is_sharded(tensor: torch.Tensor | None) -> bool:
    """Whether this process holds a shard only."""
    return isinstance(tensor, DTensor)


def unshard(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Whole tensors; where one is sharded, all processes must call this."""
    return {name: t.full_tensor() if isinstance(t, DTensor) else t for name, t in tensors.items()}


def shard_like(tensor: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """A whole tensor, sharded as `own` is."""
    if not isinstance(own, DTensor):
        return tensor
    return distribute_tensor(tensor.to(own.device), own.device_mesh, own.placements)


def unshard_model(model: Any) -> Any:
    """A plain causal LM with the same weights, or itself where nothing is sharded; a collective call."""
    if not any(is_sharded(p) for p in model.parameters()):
        return model
    plain = type(model)(model.config)
    plain.load_state_dict(unshard(model.state_dict()))
    plain.generation_config = copy.deepcopy(model.generation_config)
    return plain.to(model.device)
