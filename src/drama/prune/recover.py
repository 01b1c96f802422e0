"""Recovery: continued training of the child with the LM loss and the KL to its parent (method: 2.2).

Both losses need logits over the whole vocabulary; they are made for a few hundred tokens at a time, so
that memory does not grow with batch × vocabulary.

Legend: B rows, L tokens, T = B·(L−1) predicted tokens, D hidden, V vocabulary.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from drama.prune.load import model_state, restore
from drama.prune.settings import RecoverySettings
from drama.workspace.checkpoint import load_optimisers, optimiser_tensors

_CHUNK = 256


class Recovery:
    """Trains the child in place; without a parent by the LM loss alone, with `kl_weight: 0`."""

    name = "recovery"
    hint = "lower prune.recovery.learning_rate"

    def __init__(self, child: Any, parent: Any, settings: RecoverySettings) -> None:
        self.child = child.train()
        self.parent = parent
        self.settings = settings
        self.optimiser = torch.optim.AdamW(child.parameters(), betas=(0.9, 0.95), weight_decay=0.0)

    def losses(self, rows_BL: torch.Tensor, step: int) -> tuple[torch.Tensor, dict[str, Any]]:
        """LM loss and KL to the parent; the same at every step."""
        return losses(self.child, self.parent, rows_BL, self.settings.kl_weight)

    def lm_loss(self, rows_RL: torch.Tensor, step: int) -> float:
        """The child's; the same at every step."""
        return held_out_loss(self.child, rows_RL)

    def step(self, share: float) -> float:
        """Clip, update, clear."""
        norm = torch.nn.utils.clip_grad_norm_(self.child.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * share
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return float(norm)

    def state(self) -> dict[str, torch.Tensor]:
        """The child and the moments."""
        return model_state(self.child) | optimiser_tensors([self.optimiser])

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a checkpoint."""
        restore(self.child, tensors)
        load_optimisers([self.optimiser], tensors)


def losses(
    child: Any, parent: Any, rows_BL: torch.Tensor, kl_weight: float
) -> tuple[torch.Tensor, dict[str, float]]:
    """(weighted loss with gradient, its parts as numbers)."""
    states_TD = child.model(input_ids=rows_BL, use_cache=False).last_hidden_state[:, :-1].flatten(0, 1)
    targets_T = rows_BL[:, 1:].flatten()
    parent_TD = None
    if kl_weight > 0:
        with torch.no_grad():
            parent_TD = parent.model(input_ids=rows_BL, use_cache=False).last_hidden_state
            parent_TD = parent_TD[:, :-1].flatten(0, 1)
    lm = states_TD.new_zeros(())
    kl = states_TD.new_zeros(())
    for start in range(0, len(targets_T), _CHUNK):
        part = slice(start, start + _CHUNK)
        own = None if parent_TD is None else parent_TD[part]
        each = checkpoint(
            _chunk_losses, child, parent, states_TD[part], targets_T[part], own, use_reentrant=False
        )
        lm, kl = lm + each[0], kl + each[1]
    lm, kl = lm / len(targets_T), kl / len(targets_T)
    total = (1 - kl_weight) * lm + kl_weight * kl
    return total, {"lm_loss": round(lm.item(), 6), "kl": round(kl.item(), 6)}


def _chunk_losses(
    child: Any,
    parent: Any,
    states_TD: torch.Tensor,
    targets_T: torch.Tensor,
    parent_TD: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sums over a few tokens; the logits are made again in the backward pass instead of being kept."""
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


@torch.inference_mode()
def held_out_loss(model: Any, rows_RL: torch.Tensor) -> float:
    """Mean LM loss a token (natural log) over held-out rows."""
    total = 0.0
    for row in torch.split(rows_RL, 4):
        total += losses(model, model, row, kl_weight=0.0)[0].item() * len(row)
    return total / len(rows_RL)
