"""Importance: layers, channels, heads and neurons by their activations (Minitron, arXiv 2407.14679)."""

from drama.prune.families import Family
from drama.prune.methods.method import Task
from drama.prune.scores import Scores, measure
from drama.prune.shape.shape import Shape


class Importance:
    """Reaches every shape; see `drama.prune.scores` for what is measured."""

    def check(self, parent: Shape, target: Shape) -> None:
        """Nothing to refuse."""

    def score(self, family: Family, task: Task) -> Scores:
        """Measured over the calibration texts."""
        return measure(family, task.calibration)
