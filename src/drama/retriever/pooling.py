"""From token states to one vector; the one place that truncates and renormalises.

Legend: B texts, L tokens (padded), D hidden size, N vectors.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

Array = npt.NDArray[np.float32]


def pool(states_BLD: torch.Tensor, mask_BL: torch.Tensor, how: str) -> torch.Tensor:
    """Pool token states to [B, D], not yet normalised.

    Args:
        states_BLD: last hidden states, padded on the right.
        mask_BL: 1 for a token, 0 for padding.
        how: `mean` over the tokens, or `last` token.

    >>> states = torch.tensor([[[1.0], [3.0], [9.0]]])
    >>> pool(states, torch.tensor([[1, 1, 0]]), "mean").item()
    2.0
    """
    if how == "last":
        last_B = mask_BL.sum(dim=1) - 1
        return states_BLD[torch.arange(len(states_BLD), device=states_BLD.device), last_B]
    weight_BL1 = mask_BL.unsqueeze(-1).to(states_BLD.dtype)
    return (states_BLD * weight_BL1).sum(dim=1) / weight_BL1.sum(dim=1)


def normalise(pooled_BD: torch.Tensor, dim: int | None = None) -> torch.Tensor:
    """Cut to the first `dim` dimensions and scale to unit length (float32)."""
    return F.normalize(pooled_BD[..., :dim].float(), dim=-1)


def truncate(vectors_ND: npt.NDArray[Any], dim: int | None) -> Array:
    """Matryoshka truncation: the first `dim` dimensions, renormalised. None keeps all.

    >>> truncate(np.array([[3.0, 4.0, 12.0]]), 2).round(3).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    cut_ND = np.asarray(vectors_ND, dtype=np.float32)[:, :dim]
    norm_N1 = np.linalg.norm(cut_ND, axis=1, keepdims=True)
    result: Array = cut_ND / np.maximum(norm_N1, 1e-12)
    return result
