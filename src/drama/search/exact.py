"""Exact search: every document against every query, block by block, in bounded memory.

Legend: Q queries, N documents of a shard, D dimensions; a block has at most 1,024 queries and 16,384
documents, so that its scores take 64 MiB.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from drama.records import Hit, rank

_BLOCK_QUERIES = 1024
_BLOCK_DOCUMENTS = 16384


def exact_search(
    queries_QD: npt.NDArray[np.float32],
    shards: Iterable[tuple[list[str], npt.NDArray[Any]]],
    k: int,
    block: int = _BLOCK_DOCUMENTS,
) -> list[list[Hit]]:
    """The k nearest documents of each query by inner product; ties by document id.

    Args:
        queries_QD: unit vectors.
        shards: (ids, vectors [N, D]) as `VectorReader.shards` yields them; read once, one block at a time.
        k: how many.
        block: documents scored at once.

    >>> q = np.array([[1.0, 0.0]], dtype=np.float32)
    >>> shards = [(["b", "a"], np.array([[1.0, 0.0], [1.0, 0.0]])), (["c"], np.array([[0.0, 1.0]]))]
    >>> [hit.document_id for hit in exact_search(q, shards, k=2)[0]]
    ['a', 'b']
    """
    best: list[list[Hit]] = [[] for _ in queries_QD]
    for ids, vectors_ND in shards:
        for first in range(0, len(ids), block):
            documents_ND = np.asarray(vectors_ND[first : first + block], dtype=np.float32)
            for start in range(0, len(queries_QD), _BLOCK_QUERIES):
                scores_QN = queries_QD[start : start + _BLOCK_QUERIES] @ documents_ND.T
                for row, scores_N in enumerate(scores_QN, start=start):
                    new = [(ids[first + i], float(scores_N[i])) for i in _candidates(scores_N, k, best[row])]
                    if new:
                        old = [(hit.document_id, hit.score) for hit in best[row]]
                        best[row] = rank([*old, *new], k)
    return best


def _candidates(scores_N: npt.NDArray[np.float32], k: int, best: list[Hit]) -> npt.NDArray[np.int64]:
    """Rows that may enter the k best so far: everything that reaches, or ties with, the k-th."""
    edge = -np.inf if len(best) < k else best[-1].score
    if len(scores_N) > k:
        edge = max(edge, float(np.partition(scores_N, -k)[-k]))
    return np.flatnonzero(scores_N >= edge)
