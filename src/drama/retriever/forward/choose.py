"""The choice of the way a batch of texts goes through the layers. A new exact way (another kernel, another
device) is a file with a function of the type `States`, and a line in `choose`: all give the same states, and
training uses them too. An approximate one (int8) also needs a name in `compute.Precision`, which requests it
and is part of the model's fingerprint."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from drama.models.static import is_static
from drama.retriever.forward.fused import can_fuse, fused_states
from drama.retriever.forward.packed import can_pack, packed_states
from drama.retriever.forward.padded import padded_states
from drama.retriever.forward.static import static_states

States = Callable[[Any, Sequence[Sequence[int]]], tuple[torch.Tensor, torch.Tensor]]
"""A backbone and the token ids of B texts → token states [T, D] of all texts end to end, and lengths [B]."""


def choose(backbone: Any, longest: int, packs: bool = True, fused: bool = True) -> States:
    """The fastest way that these layers support.

    Args:
        backbone: the layers, where they are now.
        longest: tokens of the longest text.
        packs: whether the layers give the right states for texts end to end (`packed.packs`).
        fused: whether the hand-written layer may be used.
    """
    if is_static(backbone.config):
        return static_states
    if not packs or not can_pack(backbone, longest):
        return padded_states
    if fused and can_fuse(backbone):
        return fused_states
    return packed_states
