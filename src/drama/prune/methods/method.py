"""Method: what decides which parts of the parent stay."""

from collections.abc import Iterable
from typing import Protocol

import torch

from drama.prune.families import Family
from drama.prune.scores import Scores
from drama.prune.shape import Shape


class Method(Protocol):
    """Scores for every part of a parent; the plan keeps the best of each kind."""

    def check(self, parent: Shape, target: Shape) -> None:
        """Raises DramaError: the method can't reach the target."""

    def score(
        self, family: Family, batches: Iterable[tuple[torch.Tensor, torch.Tensor]], target: Shape
    ) -> Scores:
        """Importance of each part.

        Args:
            family: the parent.
            batches: (tokens [B, L], mask [B, L]) of calibration texts, made when they are asked for.
            target: the child's shape.
        """
