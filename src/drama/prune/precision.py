"""Arithmetic of mask learning and recovery. Weights, masks, losses and moments stay in float32."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from drama.models import Precision, resolve_precision


def computing_in(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Matrix products inside the block run in this precision (torch.autocast)."""
    if resolve_precision(precision, device) == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
