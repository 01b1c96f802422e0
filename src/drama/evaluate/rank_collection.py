"""One model on one collection: hits at each width, and how long the documents took to go in.

Legend: Q queries, N documents, D dimensions.
"""

import time
from collections.abc import Sequence
from typing import NamedTuple

from drama.console import note
from drama.records import Collection, Hit
from drama.retriever import EmbeddingStore, Encoder, truncate
from drama.search import BM25, exact_search


class Ranked(NamedTuple):
    """Hits of every query of a collection.

    `dim` is None for BM25; `seconds` is what indexing or encoding the documents took when it was done, here
    or in an earlier stage; `made_by` is the model's fingerprint, or BM25's parameters.
    """

    dim: int | None
    hits: dict[str, list[Hit]]
    seconds: float
    made_by: str


def rank_bm25(collection: Collection, k: int) -> Ranked:
    """BM25's k best for every query."""
    begin = time.monotonic()
    bm25 = BM25.build(collection.documents)
    seconds = time.monotonic() - begin
    hits = bm25.search([q.text for q in collection.queries], k)
    return Ranked(None, _by_query(collection, hits), seconds, bm25.about)


def rank_dense(
    encoder: Encoder, collection: Collection, dims: Sequence[int], k: int, store: EmbeddingStore
) -> list[Ranked]:
    """A dense model's k best at its full width, and at each of `dims` that it was trained at."""
    untrained = [d for d in dims if d not in encoder.dims]
    if untrained:
        note(f"{encoder.name}: not trained at {untrained} dimensions, so not reported there")
    documents = store.documents(encoder, [d.full_text for d in collection.documents])
    queries = store.queries(encoder, [q.text for q in collection.queries])
    ids = [d.id for d in collection.documents]
    found = []
    for dim in dict.fromkeys([encoder.dim, *(d for d in dims if d in encoder.dims)]):
        shards = [(ids, truncate(documents.vectors_ND, dim))]
        hits = exact_search(truncate(queries.vectors_ND, dim), shards, k)
        found.append(Ranked(dim, _by_query(collection, hits), documents.seconds, encoder.fingerprint))
    return found


def _by_query(collection: Collection, hits: list[list[Hit]]) -> dict[str, list[Hit]]:
    return {query.id: found for query, found in zip(collection.queries, hits, strict=True)}
