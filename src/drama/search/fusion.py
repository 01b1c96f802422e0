"""Fusing rankings of one query: by scores scaled to 0…1, by ranks, or by scores whose scale is known."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from drama.records import Hit, has_signal, rank

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.floating[Any]]
_RRF_K = 60


def hybrid(dense: Sequence[Hit], words: Sequence[Hit], bound: float, dense_share: float, k: int) -> list[Hit]:
    """One ranking out of a dense one and BM25's: share · cosine + (1 − share) · BM25 / bound.

    BM25's bound is the score that no document can exceed (`BM25.bounds`). So a query that no document answers
    in its words gets little from BM25, where min-max scaling would raise its best hit to 1. A document that
    the dense ranking does not list gets the lowest cosine in it; one that BM25 does not list gets 0.

    Source: Bruch et al. 2023, "An analysis of fusion functions for hybrid retrieval" (theoretical min-max).

    Args:
        dense, words: hits, best first.
        bound: of BM25 for the query; 0 where it knows none of the query's words.
        dense_share: from 0 (BM25 alone) to 1.
        k: how many hits.

    >>> dense, words = rank({"x": 0.9, "y": 0.7}), rank({"y": 6.0, "z": 5.0})
    >>> [(hit.document_id, round(hit.score, 2)) for hit in hybrid(dense, words, 10.0, 0.5, k=3)]
    [('y', 0.65), ('z', 0.6), ('x', 0.45)]
    """
    lowest = min((hit.score for hit in dense), default=0.0)
    total: dict[str, float] = defaultdict(lambda: dense_share * lowest)
    total.update({hit.document_id: dense_share * hit.score for hit in dense})
    if bound > 0:
        for hit in words:
            total[hit.document_id] += (1 - dense_share) * hit.score / bound
    return rank(total, k)


def hybrid_rows(
    dense: tuple[Rows, Scores], words: tuple[Rows, Scores], bound: float, dense_share: float
) -> tuple[Rows, Scores]:
    """`hybrid` for documents by their rows: all that either ranking lists, in no order, and their scores.

    >>> dense = np.array([4, 7]), np.array([0.9, 0.7], dtype=np.float32)
    >>> words = np.array([7, 9]), np.array([6.0, 5.0], dtype=np.float32)
    >>> rows, scores = hybrid_rows(dense, words, 10.0, 0.5)
    >>> rows.tolist(), scores.round(2).tolist()
    ([4, 7, 9], [0.45, 0.65, 0.6])
    """
    dense_rows_K, cosines_K = dense
    words_rows_M, words_M = words if bound > 0 else (words[0][:0], words[1][:0])
    rows_U = np.union1d(dense_rows_K, words_rows_M)
    lowest = float(cosines_K[-1]) if len(cosines_K) else 0.0
    total_U = np.full(len(rows_U), dense_share * lowest)
    total_U[np.searchsorted(rows_U, dense_rows_K)] = dense_share * cosines_K.astype(np.float64)
    total_U[np.searchsorted(rows_U, words_rows_M)] += (1 - dense_share) * words_M.astype(np.float64) / bound
    return rows_U, total_U


def fuse(
    rankings: Sequence[Sequence[Hit]],
    weights: Sequence[float],
    k: int,
    method: Literal["minmax", "rrf"] = "minmax",
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
