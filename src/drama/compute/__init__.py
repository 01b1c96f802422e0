"""Devices, precision, processes: the group that torchrun starts, sharded layers, checkpoints, schedules."""

from typing import TYPE_CHECKING, Literal

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.compute.checkpoint import (
        average,
        check_finite,
        checkpoint_steps,
        keep_checkpoints,
        load_checkpoint,
        read_checkpoint,
        save_checkpoint,
    )
    from drama.compute.device import autocast, default_device, resolve_precision
    from drama.compute.optimisers import Guard, clip, load_optimisers, optimiser_state, schedule
    from drama.compute.shards import is_sharded, shard_layers, shard_like, unshard, unshard_model
    from drama.compute.stage import check_sharding, open_stage_together
    from drama.compute.world import World

Precision = Literal["auto", "fp32", "bf16"]
"""Precision of matrix products; `auto` is resolved for a device by `resolve_precision`."""

__all__ = [
    "Guard",
    "Precision",
    "World",
    "autocast",
    "average",
    "check_finite",
    "check_sharding",
    "checkpoint_steps",
    "clip",
    "default_device",
    "is_sharded",
    "keep_checkpoints",
    "load_checkpoint",
    "load_optimisers",
    "open_stage_together",
    "optimiser_state",
    "read_checkpoint",
    "resolve_precision",
    "save_checkpoint",
    "schedule",
    "shard_layers",
    "shard_like",
    "unshard",
    "unshard_model",
]

__getattr__ = lazy_names(__name__)
