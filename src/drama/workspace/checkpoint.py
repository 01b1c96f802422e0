"""Checkpoints: everything a step depends on, whole or absent, newest two kept.

For training loops whose batches are a function of (seed, step): weights, the optimiser's moments and the
step are then all there is.
"""

import shutil
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from drama.console import warn
from drama.workspace.atomic import atomic_folder

_KEPT = 2


def save_checkpoint(folder: Path, step: int, tensors: dict[str, torch.Tensor]) -> None:
    """Write `step-NNNNNN/state.safetensors` atomically, then drop older ones but one."""
    with atomic_folder(folder / f"step-{step:06d}") as partial:
        save_file({k: v.detach().contiguous().cpu().clone() for k, v in tensors.items()}, _file(partial))
    for old in _steps(folder)[:-_KEPT]:
        shutil.rmtree(old)


def load_checkpoint(folder: Path) -> tuple[int, dict[str, torch.Tensor]] | None:
    """The newest readable checkpoint: (steps done, tensors). A damaged one is passed over, with a warning."""
    for path in reversed(_steps(folder)):
        try:
            return int(path.name.removeprefix("step-")), load_file(_file(path))
        except (OSError, SafetensorError) as error:
            warn(f"{path}: damaged checkpoint passed over ({error})")
    return None


def _steps(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("step-*") if p.is_dir() and not p.name.endswith(".partial"))


def _file(folder: Path) -> Path:
    return folder / "state.safetensors"
