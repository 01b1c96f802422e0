"""Fusing rankings of one query: by scores scaled to 0…1, or by ranks."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from drama.records import Hit, has_signal, rank

FusionMethod = Literal["minmax", "rrf"]
_RRF_K = 60


def fuse(
    rankings: Sequence[Sequence[Hit]],
    weights: Sequence[float],
    k: int,
    method: FusionMethod = "minmax",
) -> list[Hit]:
    """One ranking out of several.

    `minmax` scales each ranking's scores to 0…1 (lowest listed = 0) and adds them with the weights; a
    document that a ranking does not list gets 0 from it. `rrf` adds weight / (60 + rank) (Cormack et al.
    2009); documents that tie share their mean rank.

    A ranking whose scores are all equal has no weight: it prefers none of its documents. A single hit was
    preferred to the whole corpus, and counts as the best of its ranking.

    >>> a, b = rank({"x": 9.0, "y": 1.0}), rank({"y": 0.9, "z": 0.1})
    >>> [hit.document_id for hit in fuse([a, b], [0.4, 0.6], k=2)]
    ['y', 'x']
    """
    total: dict[str, float] = defaultdict(float)
    for hits, weight in zip(rankings, weights, strict=True):
        shares = [0.0] * len(hits)
        if has_signal(hits):
            shares = _reciprocal_ranks(hits) if method == "rrf" else _scaled(hits)
        for hit, share in zip(hits, shares, strict=True):
            total[hit.document_id] += weight * share
    return rank(total, k)


def _scaled(hits: Sequence[Hit]) -> list[float]:
    """Scores from 0 (the lowest) to 1."""
    scores = [hit.score for hit in hits]
    low, spread = min(scores), max(scores) - min(scores)
    return [(score - low) / spread if spread else 1.0 for score in scores]


def _reciprocal_ranks(hits: Sequence[Hit]) -> list[float]:
    """1 / (60 + rank), where documents that tie share their mean rank."""
    found = []
    for _, tied in groupby(hits, key=lambda hit: hit.score):
        ranks = [hit.rank for hit in tied]
        found += [1 / (_RRF_K + sum(ranks) / len(ranks))] * len(ranks)
    return found
