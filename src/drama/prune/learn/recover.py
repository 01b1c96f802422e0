"""Recovery: continued training of the child with the LM loss and the KL to its parent (method: 2.2).

Both losses need logits over the whole vocabulary; they are made for a few hundred tokens at a time, so
that memory does not grow with batch × vocabulary.

Legend: B rows, L tokens, T = B·(L−1) predicted tokens, D hidden, V vocabulary.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch.utils.checkpoint import checkpoint

from drama.compute import World, autocast, clip, load_optimisers, optimiser_state, shard_layers, unshard
from drama.prune.load import model_state, restore
from drama.prune.settings import RecoverySettings

_CHUNK = 256


class Match(NamedTuple):
    """The parent's hidden states that the child's are drawn to."""

    channels: list[int]
    """The child's, by their numbers in the parent."""
    layers: list[int]
    """As the channels."""
    weight: float


class Recovery:
    """Trains the child in place; without a parent by the LM loss alone, with `kl_weight: 0`."""

    name = "recovery"
    hint = "lower prune.recovery.learning_rate"

    def __init__(
        self,
        child: Any,
        parent: Any,
        settings: RecoverySettings,
        world: World | None = None,
        match: Match | None = None,
        shard: bool = False,
    ) -> None:
        self.child = child.train()
        self.parent = parent
        self.settings = settings
        self.match = match
        self.world = world or World()
        if settings.gradient_checkpointing:
            child.gradient_checkpointing_enable({"use_reentrant": False})
        self.split = shard
        if shard:
            shard_layers(child.model.layers, child.device)
        self.optimiser = torch.optim.AdamW(
            child.parameters(), betas=(0.9, 0.95), weight_decay=0.0, foreach=False if shard else None
        )

    def backward(self, rows_BL: torch.Tensor, step: int) -> dict[str, Any]:
        """Of LM loss and KL to the parent; the same at every step."""
        sums: dict[str, float] = {}
        for piece_BL, share in self.world.micro_batches(rows_BL, self.settings.micro_batch):
            with autocast(self.settings.precision, self.child.device):
                loss, parts = losses(self.child, self.parent, piece_BL, self.settings.kl_weight, self.match)
            (loss * share).backward()  # type: ignore[no-untyped-call]
            for name, value in {"loss": loss.item(), **parts}.items():
                sums[name] = sums.get(name, 0.0) + value * share
        self.world.sum_gradients(self.child.parameters())
        return {name: round(value, 6) for name, value in self.world.all_sum(sums).items()}

    def lm_loss(self, rows_RL: torch.Tensor, step: int) -> float:
        """The child's; the same at every step."""
        return held_out_loss(self.child, rows_RL)

    def step(self, share: float) -> float:
        """Clip, update, clear."""
        norm = clip(self.child.parameters(), 1.0)
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * share
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return norm

    def state(self) -> dict[str, torch.Tensor]:
        """The child and the moments."""
        return unshard(model_state(self.child) | optimiser_state([self.optimiser]))

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Go on from a checkpoint."""
        restore(self.child, tensors)
        load_optimisers([self.optimiser], tensors)


def losses(
    child: Any, parent: Any, rows_BL: torch.Tensor, kl_weight: float, match: Match | None = None
) -> tuple[torch.Tensor, dict[str, float]]:
    """(weighted loss with gradient, its parts as numbers)."""
    rows_BL = rows_BL.to(child.device)
    how = {"input_ids": rows_BL, "use_cache": False, "output_hidden_states": match is not None}
    output = child.model(**how)
    states_TD = output.last_hidden_state[:, :-1].flatten(0, 1)
    targets_T = rows_BL[:, 1:].flatten()
    parent_TD, theirs = None, None
    if kl_weight > 0 or match is not None:
        with torch.no_grad():
            theirs = parent.model(**how)
        if kl_weight > 0:
            parent_TD = theirs.last_hidden_state[:, :-1].flatten(0, 1)
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
    parts = {"lm_loss": lm.item(), "kl": kl.item()}
    if match is not None and theirs is not None:
        hidden = hidden_distance(output.hidden_states, theirs.hidden_states, match)
        total = total + match.weight * hidden
        parts["hidden"] = hidden.item()
    return total, parts


def hidden_distance(
    own: Sequence[torch.Tensor], theirs: Sequence[torch.Tensor], match: Match
) -> torch.Tensor:
    """Mean of 1 − cos over tokens, and over what each layer of the child and its head read."""
    pairs = zip(own, [*(theirs[layer] for layer in match.layers), theirs[-1]], strict=True)
    found = [
        1 - F.cosine_similarity(own_BLD.float(), theirs_BLD[..., match.channels].float(), dim=-1).mean()
        for own_BLD, theirs_BLD in pairs
    ]
    return torch.stack(found).mean()


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


@torch.no_grad()
def held_out_loss(model: Any, rows_RL: torch.Tensor) -> float:
    """Mean LM loss a token (natural log) over held-out rows."""
    total = 0.0
    for row in torch.split(rows_RL, 4):
        total += losses(model, model, row, kl_weight=0.0)[0].item() * len(row)
    return total / len(rows_RL)
