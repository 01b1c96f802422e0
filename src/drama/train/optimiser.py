"""AdamW for the layers, lazy row-wise Adam for the token embeddings, one schedule for both.

A step touches a few thousand of the vocabulary's rows; a dense optimiser would read and write all of them.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch

from drama.compute import clip, is_sharded, load_optimisers, optimiser_state, schedule
from drama.compute.optimisers import norm_of_rest
from drama.train.settings import OptimiserSettings


class Optimiser:
    """Both optimisers in one `step`.

    Args:
        backbone: a transformers decoder stack.
        settings: the section `train.optimiser`.
        steps: length of the schedule.
        groups: further parameters, without weight decay; a group without `lr` takes the layers' rate.
    """

    def __init__(
        self, backbone: Any, settings: OptimiserSettings, steps: int, groups: Iterable[dict[str, Any]] = ()
    ) -> None:
        table = backbone.get_input_embeddings()
        table.sparse = settings.embedding_learning_rate > 0
        table.weight.requires_grad_(table.sparse)
        self._settings, self._steps = settings, steps
        self.layers = [p for p in backbone.parameters() if p is not table.weight]
        matrices = [p for p in self.layers if p.dim() > 1]
        vectors = [p for p in self.layers if p.dim() <= 1]
        whole = not any(map(is_sharded, self.layers))  # torch's fused AdamW can't mix whole and sharded ones
        self._all: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(
                [
                    {"params": matrices, "weight_decay": settings.weight_decay},
                    {"params": vectors, "weight_decay": 0.0},
                    *({"weight_decay": 0.0, **group} for group in groups),
                ],
                lr=settings.learning_rate,
                betas=(0.9, 0.98),
                foreach=False,
                fused=whole,
            )
        ]
        if table.sparse:
            rate = settings.embedding_learning_rate
            self._all.append(torch.optim.SparseAdam([table.weight], lr=rate, betas=(0.9, 0.98)))
        clipped = {id(p) for p in self.layers}
        every = (p for o in self._all for group in o.param_groups for p in group["params"])
        self._rest = [p for p in every if id(p) not in clipped]
        self._rates = [[group["lr"] for group in o.param_groups] for o in self._all]

    def step(self, step: int) -> tuple[float, float]:
        """Clip, update, clear. Returns (share of the peak learning rate, gradient norm of the layers).

        Where any gradient is not finite nothing is updated, and neither is the norm.
        """
        share = schedule(step, self._steps, self._settings.warmup)
        norm = clip(self.layers, self._settings.clip) + norm_of_rest(self._rest)
        for optimiser, rates in zip(self._all, self._rates, strict=True):
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * share
            if math.isfinite(norm):
                optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return share, norm

    def tensors(self) -> dict[str, torch.Tensor]:
        """The moments and step counts as named tensors, unsharded, for a checkpoint."""
        return optimiser_state(self._all)

    def load(self, tensors: dict[str, torch.Tensor]) -> None:
        """Load what `tensors` returned."""
        load_optimisers(self._all, tensors)
