"""Fusing rankings of one query: by scores scaled to 0…1, or by ranks."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from drama.records import Hit, rank

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
    2009).

    >>> a, b = rank({"x": 9.0, "y": 1.0}), rank({"y": 0.9, "z": 0.1})
    >>> [hit.document_id for hit in fuse([a, b], [0.4, 0.6], k=2)]
    ['y', 'x']
    """
    total: dict[str, float] = defaultdict(float)
    for hits, weight in zip(rankings, weights, strict=True):
        if not hits:
            continue
        low = min(hit.score for hit in hits)
        spread = max(hit.score for hit in hits) - low
        for hit in hits:
            if method == "rrf":
                total[hit.document_id] += weight / (_RRF_K + hit.rank)
            else:
                total[hit.document_id] += weight * ((hit.score - low) / spread if spread else 1.0)
    return rank(total, k)
