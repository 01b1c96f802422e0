"""Exact search: every document against every query, block by block, in bounded memory.

Legend: Q queries, N documents of a shard, D dimensions; a block has at most 1,024 queries and 16,384
documents, so that its scores take 64 MiB.

A matrix product may round the same pair of vectors differently in blocks of different shapes. So it only
chooses candidates, with a margin for rounding. These are scored again one by one in float64, so that equal
vectors tie.

A vector of zeros says nothing about its text: such a query finds nothing, such a document is never found.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from drama.errors import DramaError
from drama.records import Hit
from drama.records.hit import float32, order, ranked
from drama.workspace import VectorReader

_BLOCK_QUERIES = 1024
_BLOCK_DOCUMENTS = 16384


class ExactIndex:
    """Compares a query with every vector, so it needs no other files. See `VectorIndex`."""

    def __init__(self, vectors: VectorReader) -> None:
        self._vectors = vectors
        self._facts: Facts = {}

    @classmethod
    def build(cls, folder: Path) -> None:
        """Nothing: the vectors are all it needs."""

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Map the vectors of an index into memory."""
        return cls(VectorReader(folder / "vectors"))

    def __len__(self) -> int:
        return len(self._vectors)

    def map_all(self) -> None:
        """Map all shards now, and check them."""
        for _ in self._vectors.shards():
            pass

    def search(self, queries_QD: npt.NDArray[np.float32], k: int) -> list[list[Hit]]:
        """The k nearest documents of each query."""
        return exact_search(queries_QD, self._vectors.shards(), k, facts=self._facts)


class Block(NamedTuple):
    """What is known of a block of documents once all were looked at."""

    longest: float
    """Of its vectors' lengths."""
    empty_M: npt.NDArray[np.int64]
    """Its rows of zeros."""


Facts = dict[tuple[int, int], Block]
"""Number of the shard and first row in it → block."""


def exact_search(
    queries_QD: npt.NDArray[np.float32],
    shards: Iterable[tuple[Sequence[str], npt.NDArray[Any]]],
    k: int,
    block: int = _BLOCK_DOCUMENTS,
    facts: Facts | None = None,
) -> list[list[Hit]]:
    """The k nearest documents of each query by inner product, in the order of `records.rank`.

    Args:
        queries_QD: unit vectors.
        shards: (ids, vectors [N, D]) as `VectorReader.shards` yields them; read once, one block at a time,
            and ids only of candidates.
        k: how many.
        block: documents scored at once.
        facts: what an earlier search found out about the same shards, and what this one adds: lengths take
            as long as scores.

    Raises:
        DramaError: a vector holds NaN or infinity.

    >>> q = np.array([[1.0, 0.0]], dtype=np.float32)
    >>> shards = [(["b", "a"], np.array([[1.0, 0.0], [1.0, 0.0]])), (["c"], np.array([[0.0, 1.0]]))]
    >>> [hit.document_id for hit in exact_search(q, shards, k=2)[0]]
    ['b', 'a']
    """
    if not np.isfinite(queries_QD).all():
        raise DramaError(
            "a query's vector holds NaN or infinity", hint="the model is damaged: train it again"
        )
    best = [_Best([], float32([])) for _ in queries_QD]
    lengths_Q = np.linalg.norm(queries_QD, axis=1)
    facts = {} if facts is None else facts
    for number, (ids, vectors_ND) in enumerate(shards):
        for first in range(0, len(ids), block):
            documents_ND = np.asarray(vectors_ND[first : first + block], dtype=np.float32)
            if (number, first) not in facts:
                facts[number, first] = _look_at(documents_ND, ids, first)
            longest, empty_M = facts[number, first]
            rounding = 2 * documents_ND.shape[1] * float(np.finfo(np.float32).eps) * longest
            for start in range(0, len(queries_QD), _BLOCK_QUERIES):
                scores_QN = queries_QD[start : start + _BLOCK_QUERIES] @ documents_ND.T
                scores_QN[:, empty_M] = -np.inf
                for row, scores_N in enumerate(scores_QN, start=start):
                    if lengths_Q[row] == 0:
                        continue
                    slack = rounding * float(lengths_Q[row])
                    rows = _candidates(scores_N, k, best[row], slack)
                    if len(rows):
                        exact_M = _score(queries_QD[row], documents_ND[rows])
                        best[row] = best[row].with_others([ids[first + i] for i in rows.tolist()], exact_M, k)
    return [ranked(found.ids, found.scores_K) for found in best]


class _Best(NamedTuple):
    """The best documents of a query so far, in order."""

    ids: list[str]
    scores_K: npt.NDArray[np.float32]

    def with_others(self, ids: list[str], scores_M: npt.NDArray[np.float32], k: int) -> Self:
        """The k best of these and some others."""
        both, scores_N = [*self.ids, *ids], np.concatenate([self.scores_K, scores_M])
        rows_K = order(both, scores_N, k)
        return self._replace(ids=[both[row] for row in rows_K.tolist()], scores_K=scores_N[rows_K])


def _look_at(documents_ND: npt.NDArray[np.float32], ids: Sequence[str], first: int) -> Block:
    """The facts of a block that begins at `first` in its shard."""
    lengths_N = np.linalg.norm(documents_ND, axis=1)
    bad = np.flatnonzero(~np.isfinite(lengths_N))
    if len(bad):
        raise DramaError(
            f"the vector of document '{ids[first + bad[0]]}' holds NaN or infinity ({len(bad)} such here)",
            hint="the model is damaged, or float16 was too narrow: encode again",
        )
    return Block(float(lengths_N.max()), np.flatnonzero(lengths_N == 0))


def _candidates(
    scores_N: npt.NDArray[np.float32], k: int, best: _Best, slack: float
) -> npt.NDArray[np.int64]:
    """Rows that may enter the k best so far: everything that comes within `slack` of the k-th."""
    edge = -np.inf if len(best.ids) < k else float(best.scores_K[-1])
    if len(scores_N) > k:
        edge = max(edge, float(np.partition(scores_N, -k)[-k]))
    return np.flatnonzero((scores_N >= edge - slack) & (scores_N > -np.inf))


def _score(
    query_D: npt.NDArray[np.float32], documents_ND: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Inner products in float64, row by row: equal rows get equal scores in every block."""
    return float32((documents_ND.astype(np.float64) * query_D).sum(axis=1))
