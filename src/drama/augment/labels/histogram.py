"""Histograms of scores, for the stage's manifest."""

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np

_MOST_BINS = 64
_NARROWEST = 2.0**-12


class Histogram:
    """How often each score occurred, by name; all names share their bins.

    The width of a bin is the smallest power of two with which at most 64 bins span all scores.

    >>> histogram = Histogram()
    >>> histogram.add("a", [0.5, 0.51, 32.4]); histogram.add("b", [1.0])
    >>> figures = histogram.figures()
    >>> figures["edges"][0], figures["edges"][-1], figures["counts"]["a"][0], sum(figures["counts"]["b"])
    (0.5, 32.5, 2, 1)
    """

    def __init__(self) -> None:
        self._scores: dict[str, array[float]] = {}

    def add(self, name: str, scores: Iterable[float]) -> None:
        """Add scores."""
        self._scores.setdefault(name, array("d")).extend(scores)

    def figures(self) -> dict[str, Any]:
        """`edges` of the bins, and `counts` in each of them by name; empty without scores."""
        scores = {name: each for name, each in self._scores.items() if each}
        if not scores:
            return {}
        low, high = min(map(min, scores.values())), max(map(max, scores.values()))
        width = _NARROWEST
        while high // width - low // width >= _MOST_BINS:
            width *= 2
        edges = np.arange(low // width, high // width + 2) * width
        counts = {name: np.histogram(each, edges)[0].tolist() for name, each in scores.items()}
        return {"edges": edges.tolist(), "counts": counts}
