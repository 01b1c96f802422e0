"""From token states to one vector a text.

Legend: B texts, T tokens of all texts together, D hidden size.
"""

import torch
import torch.nn.functional as F


def pool(states_TD: torch.Tensor, length_B: torch.Tensor, how: str) -> torch.Tensor:
    """Pool token states to [B, D], not yet normalised.

    Args:
        states_TD: last hidden states of all texts, end to end.
        length_B: tokens of each text.
        how: `mean` over a text's tokens, or its `last` token.

    >>> pool(torch.tensor([[1.0], [3.0], [9.0]]), torch.tensor([2, 1]), "mean").tolist()
    [[2.0], [9.0]]
    """
    if how == "last":
        return states_TD[length_B.cumsum(0) - 1]
    text_T = torch.repeat_interleave(torch.arange(len(length_B), device=states_TD.device), length_B)
    total_BD = states_TD.new_zeros(len(length_B), states_TD.shape[1]).index_add(0, text_T, states_TD)
    return total_BD / length_B.unsqueeze(1)


def normalise(pooled_BD: torch.Tensor, dim: int | None = None) -> torch.Tensor:
    """Cut to the first `dim` dimensions and scale to unit length (float32)."""
    return F.normalize(pooled_BD[..., :dim].float(), dim=-1)
