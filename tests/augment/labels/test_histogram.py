"""Histograms do not depend on the order, lose nothing, and stay small."""

import random
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from drama.augment.labels.histogram import Histogram

SCORES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80)


@given(SCORES, SCORES, st.randoms())
@example([0.0], [64.0, -5e-324], random.Random(0))
def test_bins_hold_every_score_whatever_the_order(first, second, rng) -> None:
    figures = []
    for _ in range(2):
        histogram = Histogram()
        rows = [("a", s) for s in first] + [("b", s) for s in second]
        if figures:
            rng.shuffle(rows)
        for name, score in rows:
            histogram.add(name, [score])
        figures.append(histogram.figures())
    assert figures[0] == figures[1]
    edges, counts = figures[0]["edges"], figures[0]["counts"]
    assert len(edges) <= 65
    for name, scores in (("a", first), ("b", second)):
        assert counts[name] == [sum(low <= s < high for s in scores) for low, high in pairwise(edges)]
        assert sum(counts[name]) == len(scores)


def test_nothing_is_no_histogram() -> None:
    histogram = Histogram()
    histogram.add("a", [])
    assert histogram.figures() == {}
