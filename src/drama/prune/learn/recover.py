"""Recovery: continued training of the child with the LM loss and the KL to its parent (method: 2.2).

Legend: B rows, L tokens.
"""

from pathlib import Path
from typing import Any

import torch

from drama.compute import World, autocast, default_device, resolve_precision
from drama.prune.learn.losses import Match, losses
from drama.prune.learn.settings import RecoverySettings
from drama.prune.learn.updates import Learner
from drama.prune.load import load_causal_lm


class Recovery(Learner):
    """Trains the child; without a parent by the LM loss alone, with `kl_weight: 0`."""

    settings: RecoverySettings
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
        super().__init__(child.train(), settings, world, shard)
        self.parent, self.match = parent, match

    def backward(self, rows_BL: torch.Tensor, step: int) -> dict[str, Any]:
        """Gradients of the LM loss and the KL to the parent; the same at every step."""
        sums: dict[str, float] = {}
        for part_BL, share in self.world.micro_batches(rows_BL, self.settings.micro_batch):
            with autocast(self.settings.precision, self.model.device):
                loss, parts = losses(self.model, self.parent, part_BL, self.settings.kl_weight, self.match)
            (loss * share).backward()  # type: ignore[no-untyped-call]
            for name, value in {"loss": loss.item(), **parts}.items():
                sums[name] = sums.get(name, 0.0) + value * share
        self.world.sum_gradients(self.model.parameters())
        return {name: round(value, 6) for name, value in self.world.all_sum(sums).items()}


def load_teacher(folder: Path, settings: RecoverySettings) -> Any:
    """The parent to learn from, or None. It is not trained, so its weights may be in the precision of
    matrix products."""
    if settings.kl_weight == 0 and settings.hidden_weight == 0:
        return None
    device = default_device()
    half = resolve_precision(settings.precision, device) == "bf16"
    return load_causal_lm(folder).to(device, torch.bfloat16 if half else torch.float32)
