"""Recovery: continued training of the child with the LM loss and the KL to its parent (method: 2.2).

Legend: B, R rows, L tokens.
"""

from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from drama.compute import (
    World,
    autocast,
    clip,
    default_device,
    load_optimisers,
    optimiser_state,
    resolve_precision,
    shard_layers,
    unshard,
)
from drama.prune.learn.losses import Match, held_out_loss, losses
from drama.prune.learn.updates import UpdateSettings
from drama.prune.load import load_causal_lm, model_state, restore


class RecoverySettings(UpdateSettings):
    """Continued training of the pruned model on the corpus."""

    max_length: int = Field(default=64, ge=8)
    """Tokens of a packed row, here and in mask learning."""
    kl_weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """Share of KL(parent ‖ child) over the vocabulary; the rest is the LM loss."""
    hidden_weight: float = Field(default=0.0, ge=0.0)
    """Weight of 1 − cos between the inputs of the child's layers and head and the same channels of the
    parent's."""


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
        self.sharded = shard
        if shard:
            shard_layers(child.model.layers, child.device)
        self.optimiser = torch.optim.AdamW(
            child.parameters(), betas=(0.9, 0.95), weight_decay=0.0, foreach=False if shard else None
        )

    def backward(self, rows_BL: torch.Tensor, step: int) -> dict[str, Any]:
        """Gradients of the LM loss and the KL to the parent; the same at every step."""
        sums: dict[str, float] = {}
        for part_BL, share in self.world.micro_batches(rows_BL, self.settings.micro_batch):
            with autocast(self.settings.precision, self.child.device):
                loss, parts = losses(self.child, self.parent, part_BL, self.settings.kl_weight, self.match)
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
        """The child and the optimiser's moments."""
        return unshard(model_state(self.child) | optimiser_state([self.optimiser]))

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Resume from a checkpoint."""
        restore(self.child, tensors)
        load_optimisers([self.optimiser], tensors)


def load_teacher(folder: Path, settings: RecoverySettings) -> Any:
    """The parent to learn from, or None. Its weights stay, so they may be in the precision of products."""
    if settings.kl_weight == 0 and settings.hidden_weight == 0:
        return None
    device = default_device()
    half = resolve_precision(settings.precision, device) == "bf16"
    return load_causal_lm(folder).to(device, torch.bfloat16 if half else torch.float32)
