"""Exact search: every document against every query, block by block, in bounded memory.

Legend: Q queries, N documents of a shard, D dimensions; a block has at most 1,024 queries and 16,384
documents, so that its scores take 64 MiB.

A matrix product may round the same pair of vectors differently in blocks of different shapes. So it only
chooses candidates, with a margin for rounding. These are scored again one by one in float64, so that equal
vectors tie.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from drama.errors import DramaError
from drama.records import Hit, rank
from drama.workspace import VectorReader

_BLOCK_QUERIES = 1024
_BLOCK_DOCUMENTS = 16384


class ExactIndex:
    """Compares a query with every vector, so it needs no other files. See `VectorIndex`."""

    def __init__(self, vectors: VectorReader) -> None:
        self._vectors = vectors

    @classmethod
    def build(cls, folder: Path) -> None:
        """Nothing: the vectors are all it needs."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the vectors of an index into memory."""
        return cls(VectorReader(folder / "vectors"))

    def __len__(self) -> int:
        return len(self._vectors)

    def search(self, queries_QD: npt.NDArray[np.float32], k: int) -> list[list[Hit]]:
        """The k nearest documents of each query."""
        return exact_search(queries_QD, self._vectors.shards(), k)


def exact_search(
    queries_QD: npt.NDArray[np.float32],
    shards: Iterable[tuple[Sequence[str], npt.NDArray[Any]]],
    k: int,
    block: int = _BLOCK_DOCUMENTS,
) -> list[list[Hit]]:
    """The k nearest documents of each query by inner product; ties by document id.

    Args:
        queries_QD: unit vectors.
        shards: (ids, vectors [N, D]) as `VectorReader.shards` yields them; read once, one block at a time,
            and ids only of candidates.
        k: how many.
        block: documents scored at once.

    Raises:
        DramaError: a vector holds NaN or infinity.

    >>> q = np.array([[1.0, 0.0]], dtype=np.float32)
    >>> shards = [(["b", "a"], np.array([[1.0, 0.0], [1.0, 0.0]])), (["c"], np.array([[0.0, 1.0]]))]
    >>> [hit.document_id for hit in exact_search(q, shards, k=2)[0]]
    ['a', 'b']
    """
    if not np.isfinite(queries_QD).all():
        raise DramaError(
            "a query's vector holds NaN or infinity", hint="the model is damaged: train it again"
        )
    best: list[list[Hit]] = [[] for _ in queries_QD]
    for ids, vectors_ND in shards:
        for first in range(0, len(ids), block):
            documents_ND = np.asarray(vectors_ND[first : first + block], dtype=np.float32)
            lengths_N = np.linalg.norm(documents_ND, axis=1)
            _check_finite(lengths_N, ids, first)
            longest = float(lengths_N.max())
            rounding = 2 * documents_ND.shape[1] * float(np.finfo(np.float32).eps) * longest
            for start in range(0, len(queries_QD), _BLOCK_QUERIES):
                scores_QN = queries_QD[start : start + _BLOCK_QUERIES] @ documents_ND.T
                for row, scores_N in enumerate(scores_QN, start=start):
                    slack = rounding * float(np.linalg.norm(queries_QD[row]))
                    rows = _candidates(scores_N, k, best[row], slack)
                    exact = _score(queries_QD[row], documents_ND[rows])
                    new = [(ids[first + i], score) for i, score in zip(rows, exact, strict=True)]
                    if new:
                        old = [(hit.document_id, hit.score) for hit in best[row]]
                        best[row] = rank([*old, *new], k)
    return best


def _check_finite(lengths_N: npt.NDArray[np.floating[Any]], ids: Sequence[str], first: int) -> None:
    """Of a block that begins at `first`."""
    bad = np.flatnonzero(~np.isfinite(lengths_N))
    if len(bad):
        raise DramaError(
            f"the vector of document '{ids[first + bad[0]]}' holds NaN or infinity ({len(bad)} such here)",
            hint="the model is damaged, or float16 was too narrow: encode again",
        )


def _candidates(
    scores_N: npt.NDArray[np.float32], k: int, best: list[Hit], slack: float
) -> npt.NDArray[np.int64]:
    """Rows that may enter the k best so far: everything that comes within `slack` of the k-th."""
    edge = -np.inf if len(best) < k else best[-1].score
    if len(scores_N) > k:
        edge = max(edge, float(np.partition(scores_N, -k)[-k]))
    return np.flatnonzero(scores_N >= edge - slack)


def _score(query_D: npt.NDArray[np.float32], documents_ND: npt.NDArray[np.float32]) -> list[float]:
    """Inner products in float64, row by row: equal rows get equal scores in every block."""
    scores: list[float] = (documents_ND.astype(np.float64) * query_D).sum(axis=1).tolist()
    return scores
