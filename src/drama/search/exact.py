"""Exact search: every document against every query, block by block, in bounded memory.

Legend: Q queries, N documents of a shard, D dimensions.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from drama.records import Hit, rank

_BLOCK_QUERIES = 1024


def exact_search(
    queries_QD: npt.NDArray[np.float32],
    shards: Iterable[tuple[list[str], npt.NDArray[Any]]],
    k: int,
) -> list[list[Hit]]:
    """The k nearest documents of each query by inner product; ties by document id.

    Args:
        queries_QD: unit vectors.
        shards: (ids, vectors [N, D]) as `VectorReader.shards` yields them; one shard is in memory at a time.
        k: how many.

    >>> q = np.array([[1.0, 0.0]], dtype=np.float32)
    >>> shards = [(["b", "a"], np.array([[1.0, 0.0], [1.0, 0.0]])), (["c"], np.array([[0.0, 1.0]]))]
    >>> [hit.document_id for hit in exact_search(q, shards, k=2)[0]]
    ['a', 'b']
    """
    best: list[list[tuple[str, float]]] = [[] for _ in queries_QD]
    for ids, vectors_ND in shards:
        documents_ND = np.asarray(vectors_ND, dtype=np.float32)
        for start in range(0, len(queries_QD), _BLOCK_QUERIES):
            scores_QN = queries_QD[start : start + _BLOCK_QUERIES] @ documents_ND.T
            for row, scores_N in enumerate(scores_QN, start=start):
                candidates = _candidates(scores_N, k)
                pairs = [(ids[i], float(scores_N[i])) for i in candidates]
                best[row] = [(h.document_id, h.score) for h in rank([*best[row], *pairs], k)]
    return [rank(pairs, k) for pairs in best]


def _candidates(scores_N: npt.NDArray[np.float32], k: int) -> npt.NDArray[np.int64]:
    """Rows of the k best and of everything that ties with the k-th."""
    if len(scores_N) <= k:
        return np.arange(len(scores_N))
    edge = np.partition(scores_N, -k)[-k]
    return np.flatnonzero(scores_N >= edge)
