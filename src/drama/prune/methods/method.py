"""Method: what decides which parts of the parent stay."""

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from drama.compute import World
from drama.prune.families import Family
from drama.prune.learn.domains import Mixture
from drama.prune.learn.updates import Log
from drama.prune.methods.shearing.settings import ShearingSettings
from drama.prune.scores import Scores
from drama.prune.shape.shape import Shape
from drama.prune.text.calibration import Batch


class Task(NamedTuple):
    """What a method has to reach, and what it may read and write for it."""

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


class Method:
    """Scores for every part of a parent; the plan keeps the best of each kind."""

    reads_calibration: ClassVar[bool] = False
    """Whether it measures activations; the section `calibration` is refused otherwise."""
    learns: ClassVar[bool] = False
    """Whether it trains masks; the section `shearing` is refused otherwise."""

    def check(self, parent: Shape, target: Shape) -> None:
        """Raises DramaError where the method can't reach the target. By default it reaches every shape."""

    def score(self, family: Family, task: Task) -> Scores:
        """Importance of each part. A method that learns may change the parent's weights; what is sliced are
        the weights that it leaves."""
        raise NotImplementedError
