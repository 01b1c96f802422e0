"""The names of precisions, for settings; what they mean on a device is `compute.device`'s."""

from typing import Literal

Precision = Literal["auto", "fp32", "bf16"]
