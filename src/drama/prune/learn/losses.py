"""LM loss, KL to the parent, and distance of hidden states.

LM loss and KL need logits over the whole vocabulary. They are computed for a few hundred tokens at a time,
so that memory does not grow with batch × vocabulary.

Legend: B, R rows, L tokens, T = B·(L−1) predicted tokens, D hidden, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

_CHUNK = 256


class Match(NamedTuple):
    """Which of the parent's hidden states the child's are compared with."""

    channels: list[int]
    """The child's channels, by their indices in the parent."""
    layers: list[int]
    """The child's layers, by their indices in the parent."""
    weight: float


def losses(
    child: Any, parent: Any, rows_BL: torch.Tensor, kl_weight: float, match: Match | None = None
) -> tuple[torch.Tensor, dict[str, float]]:
    """(weighted loss with gradient, its parts as numbers)."""
    rows_BL = rows_BL.to(child.device)
    inputs = {"input_ids": rows_BL, "use_cache": False, "output_hidden_states": match is not None}
    output = child.model(**inputs)
    states_TD = output.last_hidden_state[:, :-1].flatten(0, 1)
    targets_T = rows_BL[:, 1:].flatten()
    parent_TD, parent_output = None, None
    if kl_weight > 0 or match is not None:
        with torch.no_grad():
            parent_output = parent.model(**inputs)
        if kl_weight > 0:
            parent_TD = parent_output.last_hidden_state[:, :-1].flatten(0, 1)
    lm = states_TD.new_zeros(())
    kl = states_TD.new_zeros(())
    for start in range(0, len(targets_T), _CHUNK):
        part = slice(start, start + _CHUNK)
        teacher = None if parent_TD is None else parent_TD[part]
        chunk_lm, chunk_kl = checkpoint(
            _chunk_losses, child, parent, states_TD[part], targets_T[part], teacher, use_reentrant=False
        )
        lm, kl = lm + chunk_lm, kl + chunk_kl
    lm, kl = lm / len(targets_T), kl / len(targets_T)
    total = (1 - kl_weight) * lm + kl_weight * kl
    parts = {"lm_loss": lm.item(), "kl": kl.item()}
    if match is not None and parent_output is not None:
        hidden = hidden_distance(output.hidden_states, parent_output.hidden_states, match)
        total = total + match.weight * hidden
        parts["hidden"] = hidden.item()
    return total, parts


def hidden_distance(
    child: Sequence[torch.Tensor], parent: Sequence[torch.Tensor], match: Match
) -> torch.Tensor:
    """Mean of 1 − cos over tokens, and over the inputs of the child's layers and of its head."""
    pairs = zip(child, [*(parent[layer] for layer in match.layers), parent[-1]], strict=True)
    distances = [
        1 - F.cosine_similarity(child_BLD.float(), parent_BLD[..., match.channels].float(), dim=-1).mean()
        for child_BLD, parent_BLD in pairs
    ]
    return torch.stack(distances).mean()


@torch.no_grad()
def held_out_loss(model: Any, rows_RL: torch.Tensor) -> float:
    """Mean LM loss a token (natural log) over held-out rows."""
    total = 0.0
    for rows_BL in torch.split(rows_RL, 4):
        total += losses(model, model, rows_BL, kl_weight=0.0)[0].item() * len(rows_BL)
    return total / len(rows_RL)


def _chunk_losses(
    child: Any,
    parent: Any,
    states_TD: torch.Tensor,
    targets_T: torch.Tensor,
    parent_TD: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums over a few tokens; the logits are recomputed in the backward pass instead of being kept."""
    logits_TV = _logits(child, states_TD)
    lm = F.cross_entropy(logits_TV, targets_T, reduction="sum")
    if parent_TD is None:
        return lm, lm.new_zeros(())
    with torch.no_grad():
        parent_TV = F.log_softmax(_logits(parent, parent_TD), dim=-1)
    kl = F.kl_div(F.log_softmax(logits_TV, dim=-1), parent_TV, reduction="sum", log_target=True)
    return lm, kl


def _logits(model: Any, states_TD: torch.Tensor) -> torch.Tensor:
    """[T, V], soft-capped where the config says so (some Gemmas)."""
    logits_TV: torch.Tensor = model.lm_head(states_TD).float()
    cap = getattr(model.config, "final_logit_softcapping", None)
    return logits_TV if cap is None else cap * torch.tanh(logits_TV / cap)
