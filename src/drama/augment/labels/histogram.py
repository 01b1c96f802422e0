"""Histograms of scores as they come, in bounded memory."""

import math
from collections import Counter
from collections.abc import Iterable
from typing import Any

_MOST_BINS = 64
_NARROWEST = 2.0**-12


class Histogram:
    """How often each score occurred, by name; all names share their bins.

    A bin is as narrow as a power of two can be, so that no more than 64 of them span all scores. That depends
    on the scores only, not on their order.

    >>> histogram = Histogram()
    >>> histogram.add("a", [0.5, 0.51, 32.4]); histogram.add("b", [1.0])
    >>> figures = histogram.figures()
    >>> figures["edges"][0], figures["edges"][-1], figures["counts"]["a"][0], sum(figures["counts"]["b"])
    (0.5, 32.5, 2, 1)
    """

    def __init__(self) -> None:
        self._width = _NARROWEST
        self._bins: dict[str, Counter[int]] = {}
        self._low, self._high = 0, -1

    def add(self, name: str, scores: Iterable[float]) -> None:
        """Count some scores."""
        bins = self._bins.setdefault(name, Counter())
        for score in scores:
            at = math.floor(score / self._width)
            if at == 0 and score < 0:  # a quotient too small for a float
                at = -1
            bins[at] += 1
            empty = self._high < self._low
            self._low, self._high = (at, at) if empty else (min(self._low, at), max(self._high, at))
            while self._high - self._low >= _MOST_BINS:
                self._widen()
                bins = self._bins[name]

    def figures(self) -> dict[str, Any]:
        """`edges` of the bins, and `counts` in each of them by name; without scores neither."""
        full = {name: bins for name, bins in self._bins.items() if bins}
        if not full:
            return {}
        low, high = self._low, self._high
        return {
            "edges": [at * self._width for at in range(low, high + 2)],
            "counts": {name: [bins[at] for at in range(low, high + 1)] for name, bins in full.items()},
        }

    def _widen(self) -> None:
        self._width *= 2
        self._low, self._high = self._low // 2, self._high // 2
        for name, bins in self._bins.items():
            wider: Counter[int] = Counter()
            for at, n in bins.items():
                wider[at // 2] += n
            self._bins[name] = wider
