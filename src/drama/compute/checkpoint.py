"""Checkpoints: everything a step depends on, whole or absent, the newest kept; with a checksum.

For training loops whose batches are a function of (seed, step): weights, the optimiser's moments and the
step are then all there is.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from drama.checksums import checksum, read_sealed_json, write_sealed_json
from drama.console import warn
from drama.errors import DramaError, FileError
from drama.files import PARTIAL, atomic_folder

_STATE = "state.safetensors"
_SUM = "checksum.json"


def save_checkpoint(folder: Path, step: int, tensors: dict[str, torch.Tensor], kept: int = 2) -> None:
    """Write `step-NNNNNN/state.safetensors` atomically, then drop all but the newest `kept`."""
    with atomic_folder(folder / f"step-{step:06d}") as partial:
        save_file({k: v.detach().contiguous().cpu().clone() for k, v in tensors.items()}, partial / _STATE)
        write_sealed_json(partial / _SUM, {_STATE: checksum(partial / _STATE)})
    for old in checkpoint_files(folder)[:-kept]:
        shutil.rmtree(old.parent)


def load_checkpoint(folder: Path) -> tuple[int, dict[str, torch.Tensor]] | None:
    """The newest readable checkpoint: (steps done, tensors). A damaged one is skipped with a warning."""
    for file in reversed(checkpoint_files(folder)):
        try:
            check_checkpoint(file)
            return int(file.parent.name.removeprefix("step-")), load_file(file)
        except (OSError, DramaError, SafetensorError) as error:
            warn(f"{file.parent}: damaged checkpoint skipped ({error})")
    return None


def check_checkpoint(file: Path) -> None:
    """Compare the checksum of one of `checkpoint_files`.

    Raises:
        FileError: it is damaged, or its checksum is missing.
    """
    if read_sealed_json(file.with_name(_SUM)).get(_STATE) != checksum(file):
        raise FileError(file, "damaged: its checksum does not fit")


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints' files, oldest first."""
    return sorted(path / _STATE for path in folder.glob("step-*") if not path.name.endswith(PARTIAL))


def average(own: dict[str, torch.Tensor], checkpoints: Sequence[Path]) -> dict[str, torch.Tensor]:
    """The mean of these weights and of those of the same names in some checkpoint files.

    Source: Wortsman et al. 2022, "Model soups"; here of one run, as in stochastic weight averaging.

    Raises:
        FileError: a checkpoint is damaged.
    """
    total = {name: tensor.detach().clone() for name, tensor in own.items()}
    for path in checkpoints:
        check_checkpoint(path)
        with safe_open(path, framework="pt") as file:
            for name, tensor in total.items():
                tensor += file.get_tensor(name).to(tensor.device)
    return {name: tensor / (1 + len(checkpoints)) for name, tensor in total.items()}
