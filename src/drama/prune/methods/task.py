"""Task: what a method has to reach, and what it may read and write for it."""

from collections.abc import Iterator
from typing import NamedTuple

from drama.compute import World
from drama.prune.learn.domains import Mixture
from drama.prune.learn.updates import Log
from drama.prune.methods.shearing.settings import ShearingSettings
from drama.prune.shape.shape import Shape
from drama.prune.text.corpus import Batch


class Task(NamedTuple):
    """What every method is given; most need only a part of it."""

    target: Shape
    calibration: Iterator[Batch]
    """Tokenised when they are read."""
    mixture: Mixture
    """Packed rows to learn from."""
    shearing: ShearingSettings
    log: Log
    seed: int
    world: World
    shard: bool = False
