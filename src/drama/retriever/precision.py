"""Arithmetic of an encoder's matrix products. Weights, sums, losses and optimiser stay in float32."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from drama.models import TrainPrecision, resolve_precision


def computing_in(precision: TrainPrecision, device: torch.device) -> AbstractContextManager[Any]:
    """Matrix products inside the block run in this precision (torch.autocast)."""
    resolved = resolve_precision(precision, device)
    if resolved == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16 if resolved == "bf16" else torch.float16)
