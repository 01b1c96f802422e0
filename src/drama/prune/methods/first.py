"""First: the lowest layers stay; late layers matter least for retrieval (EffiR)."""

import torch

from drama.prune.families import Family
from drama.prune.methods.importance import Importance
from drama.prune.methods.method import Task
from drama.prune.scores import Scores


class First(Importance):
    """Widths by `importance`, layers by their position."""

    def score(self, family: Family, task: Task) -> Scores:
        """Measured over the calibration texts; a layer scores higher the lower it is."""
        return lowest_first(super().score(family, task))


def lowest_first(scores: Scores) -> Scores:
    """The same scores, with the layers ranked from the lowest to the highest.

    >>> lowest_first(Scores(*(torch.zeros(3) for _ in Scores._fields))).layers_N.tolist()
    [3.0, 2.0, 1.0]
    """
    return scores._replace(layers_N=torch.arange(len(scores.layers_N), 0, -1, dtype=torch.float32))
