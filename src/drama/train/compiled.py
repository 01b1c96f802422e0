"""torch.compile for the layers, which share the code: they are the same but for their weights."""

import os
import shutil
from typing import Any

from drama.errors import DramaError


def compile_layers(backbone: Any) -> None:
    """Have each layer compiled at its first pass, for texts of any number and length.

    Raises:
        DramaError: transformers marks no module of the model as a layer, or a CPU's C++ compiler is missing.
    """
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers = [module for module in backbone.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise DramaError(
            f"train.compile: a {backbone.config.model_type} backbone has no layers that can be compiled",
            hint="leave train.compile out",
        )
    if backbone.device.type == "cpu" and not has_compiler():
        raise DramaError(
            "train.compile: there is no C++ compiler",
            hint="install g++ or clang++, or leave train.compile out",
        )
    for layer in layers:
        layer.compile(dynamic=True)


def has_compiler() -> bool:
    """Whether a C++ compiler is where torch looks for one."""
    return any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "g++", "clang++"))
