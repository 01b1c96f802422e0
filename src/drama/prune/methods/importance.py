"""Importance: layers, channels, heads and neurons by their activations (Minitron, arXiv 2407.14679)."""

from drama.prune.families import Family
from drama.prune.methods.method import Method, Task
from drama.prune.scores import Scores, measure


class Importance(Method):
    """Reaches every shape; see `drama.prune.scores` for what is measured."""

    reads_calibration = True

    def score(self, family: Family, task: Task) -> Scores:
        """Measured over the calibration texts."""
        return measure(family, task.calibration)
