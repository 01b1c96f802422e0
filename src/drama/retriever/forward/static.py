"""No layers: a text's states are rows of the table."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import torch


def static_states(backbone: Any, tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token states [T, D] of all texts end to end, and each text's length [B]."""
    length_B = torch.tensor([len(ids) for ids in tokens])
    ids_T = torch.tensor([*chain.from_iterable(tokens)], dtype=torch.int64, device=backbone.device)
    # The norm of `static_model` divides all rows alike: its factor, without a pass over the states.
    norm = backbone.norm
    return backbone.get_input_embeddings()(ids_T) * (norm.weight * norm.variance_epsilon**-0.5), length_B
