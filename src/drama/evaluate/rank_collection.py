"""One model on one collection: hits at each width, and how fast documents went in.

Legend: Q queries, N documents, D dimensions.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from drama.evaluate.collection import Collection
from drama.records import Hit
from drama.retriever import EmbeddingStore, Encoder, truncate
from drama.search import BM25, exact_search


class Ranked(NamedTuple):
    """Hits of every query of a collection."""

    dim: int | None
    hits: dict[str, list[Hit]]
    documents_per_second: float


def rank_bm25(collection: Collection, k: int) -> Ranked:
    """BM25's hits; documents per second is the speed of indexing."""
    begin = time.monotonic()
    bm25 = BM25.build(collection.documents)
    speed = len(collection.documents) / (time.monotonic() - begin)
    hits = bm25.search([q.text for q in collection.queries], k)
    return Ranked(None, _by_query(collection, hits), speed)


def rank_dense(
    encoder: Encoder, collection: Collection, dims: Sequence[int], k: int, store: EmbeddingStore
) -> list[Ranked]:
    """A dense model's hits at its full width and at each of `dims` it was trained at.

    Documents per second is the speed of encoding when the vectors were made, here or by an earlier stage.
    """
    documents = store.documents(encoder, [d.full_text for d in collection.documents])
    queries = store.queries(encoder, [q.text for q in collection.queries])
    ids = [d.id for d in collection.documents]
    speed = len(ids) / max(documents.seconds, 1e-9)
    widths = [encoder.dim, *(d for d in dims if d in encoder.dims and d != encoder.dim)]
    found = []
    for dim in widths:
        shards = [(ids, truncate(documents.vectors_ND, dim))]
        hits = exact_search(truncate(queries.vectors_ND, dim), shards, k)
        found.append(Ranked(dim, _by_query(collection, hits), speed))
    return found


def _by_query(collection: Collection, hits: list[list[Hit]]) -> dict[str, list[Hit]]:
    return {query.id: found for query, found in zip(collection.queries, hits, strict=True)}
