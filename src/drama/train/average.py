"""A soup: the mean of a run's last weights.

Source: Wortsman et al. 2022, "Model soups"; here of one run, as in stochastic weight averaging.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import safe_open


def average(own: dict[str, torch.Tensor], checkpoints: Sequence[Path]) -> dict[str, torch.Tensor]:
    """The mean of these weights and of those of the same names in some checkpoint files."""
    total = {name: tensor.detach().clone() for name, tensor in own.items()}
    for path in checkpoints:
        with safe_open(path, framework="pt") as file:
            for name, tensor in total.items():
                tensor += file.get_tensor(name).to(tensor.device)
    return {name: tensor / (1 + len(checkpoints)) for name, tensor in total.items()}
