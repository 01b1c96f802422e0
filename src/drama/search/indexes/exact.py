"""Exact search: every document against every query, block by block, in bounded memory.

Legend: Q queries, N documents of a shard, D dimensions; a block has at most 1,024 queries and 16,384
documents, so that its scores take 64 MiB.

A matrix product may round the same pair of vectors differently in blocks of different shapes. So it only
chooses candidates, with a margin for rounding. These are scored again one by one in float64, so that equal
vectors tie.

A vector of zeros says nothing about its text: such a query finds nothing, such a document is never found.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt

from drama.errors import DramaError
from drama.records import Hit
from drama.records.hit import IdsOf, float32, hits_of, order
from drama.workspace import VectorReader

_BLOCK_QUERIES = 1024
_BLOCK_DOCUMENTS = 16384


class Nearest(NamedTuple):
    """The best documents of a query, in order."""

    rows_K: npt.NDArray[np.int64]
    """Their numbers, counted through all shards."""
    scores_K: npt.NDArray[np.float32]


class Block(NamedTuple):
    """What is known of a block of documents once all were looked at."""

    longest: float
    """Of its vectors' lengths."""
    empty_M: npt.NDArray[np.int64]
    """Its rows of zeros."""


Facts = dict[tuple[int, int], Block]
"""Number of the shard and first row in it → block."""


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

    def search(self, queries_QD: npt.NDArray[np.float32], k: int) -> list[Nearest]:
        """The k nearest documents of each query."""
        return [best.nearest() for best in _search(queries_QD, self._vectors.shards(), k, facts=self._facts)]


def exact_search(
    queries_QD: npt.NDArray[np.float32],
    shards: Iterable[tuple[Sequence[str], npt.NDArray[Any]]],
    k: int,
    block: int = _BLOCK_DOCUMENTS,
) -> list[list[Hit]]:
    """The k nearest documents of each query by inner product, in the order of `records.rank`.

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
    ['b', 'a']
    """
    return [best.hits() for best in _search(queries_QD, shards, k, block)]


def _search(
    queries_QD: npt.NDArray[np.float32],
    shards: Iterable[tuple[Sequence[str], npt.NDArray[Any]]],
    k: int,
    block: int = _BLOCK_DOCUMENTS,
    facts: Facts | None = None,
) -> "list[_Best]":
    """`exact_search`; `facts` is what an earlier search found out about the same shards, and what this one
    adds: lengths take as long as scores."""
    if not np.isfinite(queries_QD).all():
        raise DramaError(
            "a query's vector holds NaN or infinity", hint="the model is damaged: train it again"
        )
    names = _Names()
    best = [_Best(names) for _ in queries_QD]
    lengths_Q = np.linalg.norm(queries_QD, axis=1)
    facts = {} if facts is None else facts
    for number, (ids, vectors_ND) in enumerate(shards):
        begin = names.add(ids)
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
                    rows_M = _candidates(scores_N, k, best[row], slack)
                    if len(rows_M):
                        exact_M = _score(queries_QD[row], documents_ND[rows_M])
                        best[row].add(rows_M + begin + first, exact_M, k)
    return best


class _Names:
    """The ids of all documents so far by their row; read from disk when one is asked for."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ids: list[Sequence[str]] = []
        self._count = 0

    def add(self, ids: Sequence[str]) -> int:
        """A further shard; returns its first row."""
        self._starts.append(self._count)
        self._ids.append(ids)
        self._count += len(ids)
        return self._starts[-1]

    def __getitem__(self, row: int) -> str:
        shard = bisect_right(self._starts, row) - 1
        return self._ids[shard][row - self._starts[shard]]


class _Best:
    """The best documents of a query so far, in order."""

    def __init__(self, names: _Names) -> None:
        self._names = names
        self.rows_K: npt.NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.scores_K = float32([])

    def add(self, rows_M: npt.NDArray[np.int64], scores_M: npt.NDArray[np.float32], k: int) -> None:
        """Keep the k best of these and some others."""
        rows_N = np.concatenate([self.rows_K, rows_M])
        scores_N = np.concatenate([self.scores_K, scores_M])
        kept_K = order(IdsOf(rows_N, self._names), scores_N, k)
        self.rows_K, self.scores_K = rows_N[kept_K], scores_N[kept_K]

    def nearest(self) -> Nearest:
        """Their rows."""
        return Nearest(self.rows_K, self.scores_K)

    def hits(self) -> list[Hit]:
        """Their ids."""
        return hits_of(self._names, self.rows_K, self.scores_K)


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
    edge = -np.inf if len(best.rows_K) < k else float(best.scores_K[-1])
    if len(scores_N) > k:
        edge = max(edge, float(np.partition(scores_N, -k)[-k]))
    return np.flatnonzero((scores_N >= edge - slack) & (scores_N > -np.inf))


def _score(
    query_D: npt.NDArray[np.float32], documents_ND: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Inner products in float64, row by row: equal rows get equal scores in every block."""
    return float32((documents_ND.astype(np.float64) * query_D).sum(axis=1))
