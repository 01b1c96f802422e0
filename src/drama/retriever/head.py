"""The linear layer after pooling that some retrievers have, in sentence-transformers' `Dense` format."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from drama.files import write_json
from drama.models.opening import opening
from drama.models.tensors import check_finite

FOLDER = "2_Dense"
_WEIGHTS = "model.safetensors"


def new_head(weight_ED: torch.Tensor) -> torch.nn.Linear:
    """A head from D to E dimensions with these weights, without bias."""
    head = torch.nn.Linear(weight_ED.shape[1], weight_ED.shape[0], bias=False)
    with torch.no_grad():
        head.weight.copy_(weight_ED)
    return head


def read_head(folder: Path) -> torch.nn.Linear | None:
    """The head of a retriever folder, or None if it has none.

    Raises:
        DramaError: its file can't be read, or holds NaN.
    """
    path = folder / FOLDER / _WEIGHTS
    if not path.is_file():
        return None
    with opening(path, "file"):
        head = new_head(load_file(path)["linear.weight"])
        check_finite(path, head)
    return head


def write_head(folder: Path, head: torch.nn.Linear) -> None:
    """Write `2_Dense/`: the weights, and the config that sentence-transformers reads."""
    config = {
        "in_features": head.in_features,
        "out_features": head.out_features,
        "bias": False,
        "activation_function": "torch.nn.modules.linear.Identity",
    }
    write_json(folder / FOLDER / "config.json", config)
    save_file({"linear.weight": head.weight.detach().contiguous()}, folder / FOLDER / _WEIGHTS)
