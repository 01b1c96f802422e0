"""Method: what decides which parts of the parent stay."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch

from drama.compute import World
from drama.prune.families import Family
from drama.prune.learn.domains import Mixture
from drama.prune.learn.updates import Log
from drama.prune.scores import Scores
from drama.prune.settings import PruneSettings
from drama.prune.shape.shape import Shape


class Task(NamedTuple):
    """What a method is asked for, and what it may read and write for it."""

    target: Shape
    settings: PruneSettings
    calibration: Iterator[tuple[torch.Tensor, torch.Tensor]]
    """(tokens [B, L], mask [B, L]) of calibration texts, made when they are asked for."""
    mixture: Mixture
    """Packed rows to learn from."""
    log: Log
    seed: int
    world: World


class Method(Protocol):
    """Scores for every part of a parent; the plan keeps the best of each kind."""

    def check(self, parent: Shape, target: Shape) -> None:
        """Raises DramaError: the method can't reach the target."""

    def score(self, family: Family, task: Task) -> Scores:
        """Importance of each part. A method that learns may change the parent's weights; what the parent
        then holds is what will be sliced."""
