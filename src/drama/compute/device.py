"""Devices and precision. Weights, sums, losses and optimisers stay in float32."""

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch

from drama.compute import Precision


def default_device() -> torch.device:
    """The GPU that torchrun gave this process, or the first one; the CPU where there is none."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def native_bf16(device: torch.device) -> bool:
    """Whether the hardware multiplies bfloat16 itself; where it does not, bf16 is slower than fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.get_device_capability(device) >= (8, 0))
    if device.type == "cpu" and hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
        return bool(found.get("avx512_bf16") or found.get("amx_bf16"))
    return False


def resolve_precision(precision: Precision, device: torch.device) -> Literal["fp32", "bf16"]:
    """What `auto` means on this device: bf16 where the hardware has it.

    >>> resolve_precision("fp32", torch.device("cpu"))
    'fp32'
    """
    if precision != "auto":
        return precision
    return "bf16" if native_bf16(device) else "fp32"


def autocast(precision: Precision, device: torch.device) -> AbstractContextManager[Any]:
    """Matrix products inside the block run in this precision (torch.autocast)."""
    if resolve_precision(precision, device) == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)
