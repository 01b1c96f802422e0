"""Padded forward: short texts are padded to the longest of the batch. It works for every family.

Legend: B texts, L tokens of the longest, T tokens of all texts together, D hidden size.
"""

from collections.abc import Sequence
from typing import Any

import torch


def padded_states(backbone: Any, tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token states [T, D] of all texts, without those of the padding, and each text's length [B]."""
    device, longest = backbone.device, max(map(len, tokens))
    pad = backbone.get_input_embeddings().padding_idx or 0  # some families number their positions by it
    tokens_BL = torch.tensor([[*ids, *[pad] * (longest - len(ids))] for ids in tokens])
    length_B = torch.tensor([len(ids) for ids in tokens])
    mask_BL = torch.arange(longest) < length_B.unsqueeze(1)
    real_T = mask_BL.flatten().nonzero().squeeze(1).to(device)
    states_BLD = backbone(
        input_ids=tokens_BL.to(device), attention_mask=mask_BL.long().to(device)
    ).last_hidden_state
    return states_BLD.flatten(0, 1)[real_T], length_B.to(device)
