"""Checkpoints: everything a step depends on, whole or absent, the newest kept.

For training loops whose batches are a function of (seed, step): weights, the optimiser's moments and the
step are then all there is.
"""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from drama.console import warn
from drama.workspace.atomic import atomic_folder

_KEPT = 2


def save_checkpoint(folder: Path, step: int, tensors: dict[str, torch.Tensor], kept: int = _KEPT) -> None:
    """Write `step-NNNNNN/state.safetensors` atomically, then drop all but the newest `kept`."""
    with atomic_folder(folder / f"step-{step:06d}") as partial:
        save_file({k: v.detach().contiguous().cpu().clone() for k, v in tensors.items()}, _file(partial))
    for old in _steps(folder)[:-kept]:
        shutil.rmtree(old)


def load_checkpoint(folder: Path) -> tuple[int, dict[str, torch.Tensor]] | None:
    """The newest readable checkpoint: (steps done, tensors). A damaged one is passed over, with a warning."""
    for path in reversed(_steps(folder)):
        try:
            return int(path.name.removeprefix("step-")), load_file(_file(path))
        except (OSError, SafetensorError) as error:
            warn(f"{path}: damaged checkpoint passed over ({error})")
    return None


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints' files, oldest first."""
    return [_file(path) for path in _steps(folder)]


def optimiser_tensors(optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, torch.Tensor]:
    """Moments and step counts as named tensors: `optimiser.<optimiser>.<parameter>.<key>`."""
    found = {}
    for o, optimiser in enumerate(optimisers):
        for p, state in optimiser.state_dict()["state"].items():
            for key, value in state.items():
                found[f"optimiser.{o}.{p}.{key}"] = torch.as_tensor(value)
    return found


def load_optimisers(optimisers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, torch.Tensor]) -> None:
    """Take back what `optimiser_tensors` gave; other names are passed over."""
    for o, optimiser in enumerate(optimisers):
        whole = optimiser.state_dict()
        state: dict[int, dict[str, Any]] = {}
        for name, value in tensors.items():
            kind, _, rest = name.partition(".")
            if kind != "optimiser":
                continue
            own, index, key = rest.split(".")
            if int(own) == o:
                plain = isinstance(optimiser, torch.optim.SparseAdam) and key == "step"
                state.setdefault(int(index), {})[key] = int(value) if plain else value
        whole["state"] = state
        optimiser.load_state_dict(whole)


def _steps(folder: Path) -> list[Path]:
    return sorted(p for p in folder.glob("step-*") if p.is_dir() and not p.name.endswith(".partial"))


def _file(folder: Path) -> Path:
    return folder / "state.safetensors"
