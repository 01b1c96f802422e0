"""One model on one collection: its hits at each width, and how long indexing the documents took.

Legend: Q queries, N documents, D dimensions.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drama.console import note
from drama.evaluate.passages import Parents
from drama.evaluate.settings import EvaluateSettings, FusionSettings
from drama.records import Collection, Hit
from drama.records.measures import DEPTH
from drama.retriever import EmbeddingStore, Encoder, load_encoder, truncate
from drama.search import BM25, BM25_NAME, LSA, SmoothingSettings, exact_search, fuse, hybrid, smooth

_PASSAGES = 1000
"""Passages of a ranking, from which documents are taken."""
Hits = Mapping[str, Sequence[Hit]]


class Ranked(NamedTuple):
    """Hits of every query of a collection.

    `dim` is None for BM25; `seconds` is the time of indexing or encoding the documents, in this stage or an
    earlier one; `made_by` is the model's fingerprint, or BM25's parameters; `smoothed` means that documents
    were moved towards their neighbours, `fused` with BM25; `bounds` are BM25's highest possible scores, by
    query.
    """

    dim: int | None
    hits: Hits
    seconds: float
    made_by: str
    smoothed: bool = False
    fused: bool = False
    bounds: Mapping[str, float] | None = None


def rank_collection(
    model: str,
    opened: Path | str | None,
    label: str,
    collection: Collection,
    settings: EvaluateSettings,
    store: EmbeddingStore,
    bm25: Ranked | None,
    parents: Parents,
) -> list[Ranked]:
    """A model's rankings: one for each width, one with smoothed documents and one fused with BM25 if the
    settings name the model there.

    Args:
        model: its name in the settings.
        opened: the folder of a model that is loaded, or a server's address; None for BM25 and LSA.
        label: its name in messages.
        collection: documents (or passages) and queries.
        settings: the recipe's `evaluate` section.
        store: vectors at full width.
        bm25: BM25's ranking, for the fusion.
        parents: where passages are from; rankings are then of passages.
    """
    fused = settings.fusion.models and model in (BM25_NAME, *settings.fusion.models)
    least = _PASSAGES if parents else DEPTH
    depth = (max(least, settings.fusion.depth) if fused else least) + settings.exclude_self
    if model == BM25_NAME:
        rankings = [rank_bm25(collection, depth)]
    else:
        encoder: Encoder
        if opened is None:
            encoder = LSA.build(collection.documents)
        else:
            encoder = load_encoder(opened, settings.max_length, settings.precision)
            encoder.name = label
        rankings = rank_dense(encoder, collection, settings.dims, depth, store)
        if model in settings.smoothing.models:
            rankings.append(_smoothed(encoder, collection, settings.smoothing, depth, store))
    if settings.exclude_self:
        rankings = [ranked._replace(hits=_without_self(ranked.hits, parents)) for ranked in rankings]
    if model in settings.fusion.models and bm25 is not None:
        dense = next((r for r in rankings if r.smoothed), rankings[0])
        rankings.append(_fused(settings.fusion, bm25, dense, least))
    return rankings


def rank_bm25(collection: Collection, k: int) -> Ranked:
    """BM25's k best documents of every query."""
    begin = time.monotonic()
    bm25 = BM25.build(collection.documents)
    seconds = time.monotonic() - begin
    texts = [q.text for q in collection.queries]
    bounds = dict(zip((q.id for q in collection.queries), bm25.bounds(texts), strict=True))
    return Ranked(None, _by_query(collection, bm25.search(texts, k)), seconds, bm25.about, bounds=bounds)


def rank_dense(
    encoder: Encoder, collection: Collection, dims: Sequence[int], k: int, store: EmbeddingStore
) -> list[Ranked]:
    """A dense model's k best documents at its full width, and at each of `dims` that it was trained at."""
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


def _by_query(collection: Collection, hits: list[list[Hit]]) -> Hits:
    return {query.id: found for query, found in zip(collection.queries, hits, strict=True)}


def _smoothed(
    encoder: Encoder, collection: Collection, settings: SmoothingSettings, k: int, store: EmbeddingStore
) -> Ranked:
    """A dense model's ranking at full width with smoothed documents; what smoothing takes is not in
    `seconds`."""
    documents = store.documents(encoder, [d.full_text for d in collection.documents])
    queries = store.queries(encoder, [q.text for q in collection.queries])
    moved_ND = np.concatenate(list(smooth(documents.vectors_ND, settings, encoder.name)))
    hits = exact_search(queries.vectors_ND, [([d.id for d in collection.documents], moved_ND)], k)
    found = _by_query(collection, hits)
    return Ranked(encoder.dim, found, documents.seconds, encoder.fingerprint, smoothed=True)


def _fused(fusion: FusionSettings, bm25: Ranked, dense: Ranked, k: int) -> Ranked:
    share = fusion.dense_share

    def fused(query: str, found: Sequence[Hit]) -> list[Hit]:
        dense_hits, words = found[: fusion.depth], bm25.hits.get(query, [])[: fusion.depth]
        if fusion.method == "hybrid":
            bound = (bm25.bounds or {}).get(query, 0.0)
            return hybrid(dense_hits, words, bound, share, k)
        return fuse([words, dense_hits], [1 - share, share], k, fusion.method)

    return dense._replace(hits={q: fused(q, found) for q, found in dense.hits.items()}, fused=True)


def _without_self(hits: Hits, parents: Parents) -> Hits:
    """The hits without the document whose id is the query's, and without its passages."""
    return {
        query: [hit._replace(rank=place) for place, hit in enumerate(others, start=1)]
        for query, found in hits.items()
        for others in [[h for h in found if parents.get(h.document_id, h.document_id) != query]]
    }
