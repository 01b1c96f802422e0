"""By activations: layers, channels, heads and neurons (`drama.prune.scores`; Minitron, arXiv 2407.14679).

The method `depth` drops only layers, those first that change their input least (ShortGPT, arXiv 2403.03853).
"""

import torch

from drama.prune.families import Family
from drama.prune.methods.task import Task
from drama.prune.scores import Scores, measure


def by_activations(family: Family, task: Task) -> Scores:
    """Measured on the calibration texts."""
    return measure(family, task.calibration)


def lowest_layers(family: Family, task: Task) -> Scores:
    """Widths by activations; the lowest layers stay, since late layers matter least for retrieval (EffiR)."""
    return lowest_first(by_activations(family, task))


def lowest_first(scores: Scores) -> Scores:
    """The same scores, with the layers ranked from the lowest to the highest.

    >>> lowest_first(Scores(*(torch.zeros(3) for _ in Scores._fields))).layers_N.tolist()
    [3.0, 2.0, 1.0]
    """
    return scores._replace(layers_N=torch.arange(len(scores.layers_N), 0, -1, dtype=torch.float32))
