"""AdamW for the layers, lazy row-wise Adam for the token embeddings, one schedule for both.

A step touches a few thousand of the vocabulary's rows; a dense optimiser would read and write all of them.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch

from drama.compute import clip, is_sharded, load_optimisers, optimiser_state, schedule
from drama.train.loss_scale import LossScale
from drama.train.settings import TrainSettings


class Optimiser:
    """Both optimisers behind one `step`.

    Args:
        backbone: a transformers decoder stack.
        extra: further parameters that train with the layers (the distillation's projection).
        settings: rates, decay, schedule.
        temperature: trained at a rate of its own, where that is above 0.
    """

    def __init__(
        self,
        backbone: Any,
        extra: Iterable[torch.nn.Parameter],
        settings: TrainSettings,
        temperature: torch.nn.Parameter,
    ) -> None:
        table = backbone.get_input_embeddings()
        table.sparse = settings.embedding_learning_rate > 0
        table.weight.requires_grad_(table.sparse)
        self.settings = settings
        self._table = table.weight
        self.layers = [p for p in backbone.parameters() if p is not table.weight]
        self.split = any(is_sharded(p) for p in self.layers)
        matrices = [p for p in self.layers if p.dim() > 1]
        vectors = [*(p for p in self.layers if p.dim() <= 1), *extra]
        groups: list[dict[str, Any]] = [
            {"params": matrices, "weight_decay": settings.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        if settings.temperature_learning_rate > 0:
            rate = settings.temperature_learning_rate
            groups.append({"params": [temperature], "weight_decay": 0.0, "lr": rate})
        self._all: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                groups,
                lr=settings.learning_rate,
                betas=(0.9, 0.98),
                foreach=False,
                fused=not self.split,  # whole and split parameters don't mix in one call
            )
        ]
        if table.sparse:
            rate = settings.embedding_learning_rate
            self._all.append(torch.optim.SparseAdam([table.weight], lr=rate, betas=(0.9, 0.98)))
        self._rates = [[group["lr"] for group in o.param_groups] for o in self._all]

    def step(self, step: int, scale: LossScale | None = None) -> tuple[float, float]:
        """Clip, update, clear. Returns (share of the peak learning rate, gradient norm of the layers).

        With `scale` the gradients are its factor too large; where they overflowed nothing is updated.
        """
        share = schedule(step, self.settings.steps, self.settings.warmup)
        if scale is not None:
            self._divide(scale.factor)
        norm = clip(self.layers, self.settings.clip)
        if scale is not None:
            overflow = not (math.isfinite(norm) and self._finite_table())
            scale.after(overflow)
            if overflow:
                for optimiser in self._all:
                    optimiser.zero_grad(set_to_none=True)
                return share, norm
        for optimiser, rates in zip(self._all, self._rates, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * share
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return share, norm

    def _divide(self, factor: float) -> None:
        for optimiser in self._all:
            for group in optimiser.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        parameter.grad.mul_(1 / factor)

    def _finite_table(self) -> bool:
        gradient = self._table.grad
        return gradient is None or bool(gradient.coalesce().values().isfinite().all())

    def tensors(self) -> dict[str, torch.Tensor]:
        """The moments and step counts as named tensors, whole, for a checkpoint."""
        return optimiser_state(self._all)

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Take back what `tensors` gave."""
        load_optimisers(self._all, tensors)
