"""What a model's vectors depend on, as a hash: weights, configuration, tokenizer.

Each is read when it is asked for (weights about 0.6 s a GB), so that a hash is never older than the model.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import torch

from drama.files import fingerprint

_NOT_OF_VECTORS = {
    "_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version", "use_cache",
}  # fmt: skip


def of_tensors(tensors: Mapping[str, torch.Tensor]) -> str:
    """A hash of tensors with their names, types and shapes.

    >>> ones = torch.ones(2)
    >>> before = of_tensors({"weight": ones})
    >>> ones.data[0] = 2
    >>> of_tensors({"weight": ones}) == before
    False
    """
    whole = hashlib.sha256()
    for name, tensor in tensors.items():
        whole.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        flat = tensor.detach().cpu().contiguous().reshape(-1)
        whole.update(flat.view(torch.uint8).numpy().data)
    return whole.hexdigest()


def of_config(config: Any) -> str:
    """A hash of a transformers config, less what says nothing about vectors."""
    return fingerprint({k: v for k, v in config.to_dict().items() if k not in _NOT_OF_VECTORS})


def of_tokenizer(tokenizer: Any) -> str:
    """A hash of a tokenizer's rules, whatever it was last asked to cut or pad to."""
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "to_str"):  # one without a fast form
        return fingerprint([type(tokenizer).__name__, tokenizer.get_vocab()])
    spec = json.loads(backend.to_str())
    return fingerprint({k: v for k, v in spec.items() if k not in ("truncation", "padding")})
