"""Checkpoints: everything a step depends on, whole or absent, the newest kept.

For training loops whose batches are a function of (seed, step): weights, the optimiser's moments and the
step are then all there is. Each has a checksum of its bytes beside it; what is not finite is never saved.
"""

import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from drama.compute.world import World
from drama.console import warn
from drama.errors import DramaError, FileError
from drama.files import PARTIAL, atomic_folder
from drama.files.checksums import checksum, read_sealed_json, write_sealed_json

_STATE, _SUM = "state.safetensors", "checksum.json"


def save_checkpoint(
    folder: Path, step: int, tensors: Mapping[str, torch.Tensor], kept: int | None = 2
) -> None:
    """Write `step-NNNNNN/state.safetensors` atomically, then drop all but the newest `kept`; None: no other.

    Raises:
        DramaError: a tensor is not finite.
    """
    check_finite(tensors, f"the checkpoint of step {step}")
    with atomic_folder(_place(folder, step)) as partial:
        save_file({k: v.detach().contiguous().cpu().clone() for k, v in tensors.items()}, partial / _STATE)
        write_sealed_json(partial / _SUM, {_STATE: checksum(partial / _STATE)})
    if kept is not None:
        keep_checkpoints(folder, checkpoint_steps(folder)[-kept:])


def keep_checkpoints(folder: Path, steps: Collection[int]) -> None:
    """Drop all checkpoints but those of these steps."""
    for step in checkpoint_steps(folder):
        if step not in steps:
            shutil.rmtree(_place(folder, step))


def load_checkpoint(folder: Path, world: World | None = None) -> tuple[int, dict[str, torch.Tensor]] | None:
    """The newest readable checkpoint: (steps done, tensors). A damaged one is skipped with a warning.

    Of several processes the main one chooses, and all load the same: one that some process can't read is
    skipped by all.
    """
    world = world or World()
    steps = reversed(checkpoint_steps(folder))
    while True:
        step = int(world.broadcast([float(next(steps, -1)) if world.is_main else -1.0])[0])
        if step < 0:
            return None
        tensors = read_checkpoint(folder, step)
        failed = world.all_sum({"failed": float(tensors is None)})["failed"]
        if tensors is not None and not failed:
            return step, tensors


def read_checkpoint(folder: Path, step: int) -> dict[str, torch.Tensor] | None:
    """The tensors of a step, or None, with a warning, where they are missing, damaged or not finite."""
    file = _place(folder, step) / _STATE
    try:
        _check_sum(file)
        tensors: dict[str, torch.Tensor] = load_file(file)
        check_finite(tensors, str(file.parent))
    except (OSError, ValueError, SafetensorError, DramaError) as error:
        warn(f"{file.parent}: damaged checkpoint skipped ({error})")
        return None
    return tensors


def checkpoint_steps(folder: Path) -> list[int]:
    """The steps of the checkpoints, in order."""
    names = (p.name for p in folder.glob("step-*") if not p.name.endswith(PARTIAL))
    return sorted(int(name.removeprefix("step-")) for name in names)


def check_finite(tensors: Mapping[str, torch.Tensor], what: str) -> None:
    """Refuse values that are no numbers, or infinite, with a DramaError that names the tensor."""
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise DramaError(
                f"{what}: {name} holds values that are not finite",
                hint="lower the learning rate, or choose precision: fp32",
            )


def average(own: dict[str, torch.Tensor], folder: Path, steps: Sequence[int]) -> dict[str, torch.Tensor]:
    """The mean of these weights and of those of the same names in the checkpoints of some steps.

    Source: Wortsman et al. 2022, "Model soups"; here of one run, as in stochastic weight averaging.

    Raises:
        FileError: a checkpoint is damaged.
    """
    total = {name: tensor.detach().clone() for name, tensor in own.items()}
    for path in (_place(folder, step) / _STATE for step in steps):
        _check_sum(path)
        with safe_open(path, framework="pt") as file:
            for name, tensor in total.items():
                tensor += file.get_tensor(name).to(tensor.device)
    return {name: tensor / (1 + len(steps)) for name, tensor in total.items()}


def _place(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}"


def _check_sum(file: Path) -> None:
    if read_sealed_json(file.with_name(_SUM)).get(_STATE) != checksum(file):
        raise FileError(file, "is not as it was written")
