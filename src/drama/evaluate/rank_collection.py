"""One model on one collection: its hits at each width, and how long indexing the documents took.

Legend: Q queries, N documents, D dimensions.
"""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from drama.console import note
from drama.evaluate.settings import EvaluateSettings, FusionSettings
from drama.records import Collection, Hit
from drama.records.measures import DEPTH
from drama.retriever import EmbeddingStore, Encoder, load_encoder, truncate
from drama.search import BM25, BM25_NAME, LSA, exact_search, fuse

Hits = Mapping[str, Sequence[Hit]]


class Ranked(NamedTuple):
    """Hits of every query of a collection.

    `dim` is None for BM25; `seconds` is the time of indexing or encoding the documents, in this stage or an
    earlier one; `made_by` is the model's fingerprint, or BM25's parameters; `fused` means with BM25.
    """

    dim: int | None
    hits: Hits
    seconds: float
    made_by: str
    fused: bool = False


def rank_collection(
    model: str,
    folder: Path | None,
    label: str,
    collection: Collection,
    settings: EvaluateSettings,
    store: EmbeddingStore,
    bm25: Hits | None,
) -> list[Ranked]:
    """A model's rankings: one for each width, and one fused with BM25 if the settings name the model.

    Args:
        model: its name in the settings.
        folder: of a model that is loaded; None for BM25 and LSA.
        label: its name in messages.
        collection: documents and queries.
        settings: the recipe's `evaluate` section.
        store: vectors at full width.
        bm25: BM25's hits, for the fusion.
    """
    fused = settings.fusion.models and model in (BM25_NAME, *settings.fusion.models)
    depth = (max(DEPTH, settings.fusion.depth) if fused else DEPTH) + settings.exclude_self
    if model == BM25_NAME:
        rankings = [rank_bm25(collection, depth)]
    else:
        encoder: Encoder
        if folder is None:
            encoder = LSA.build(collection.documents)
        else:
            encoder = load_encoder(folder, settings.max_length, settings.precision)
            encoder.name = label
        rankings = rank_dense(encoder, collection, settings.dims, depth, store)
    if settings.exclude_self:
        rankings = [ranked._replace(hits=_without_self(ranked.hits)) for ranked in rankings]
    if model in settings.fusion.models and bm25 is not None:
        rankings.append(_fused(settings.fusion, bm25, rankings[0]))
    return rankings


def rank_bm25(collection: Collection, k: int) -> Ranked:
    """BM25's k best documents of every query."""
    begin = time.monotonic()
    bm25 = BM25.build(collection.documents)
    seconds = time.monotonic() - begin
    hits = bm25.search([q.text for q in collection.queries], k)
    return Ranked(None, _by_query(collection, hits), seconds, bm25.about)


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


def _fused(fusion: FusionSettings, bm25: Hits, dense: Ranked) -> Ranked:
    weights = [1 - fusion.weight, fusion.weight]
    hits = {
        q: fuse([bm25.get(q, [])[: fusion.depth], found[: fusion.depth]], weights, DEPTH, fusion.method)
        for q, found in dense.hits.items()
    }
    return dense._replace(hits=hits, fused=True)


def _without_self(hits: Hits) -> Hits:
    """The hits without the document whose id is the query's."""
    return {
        query: [
            hit._replace(rank=place)
            for place, hit in enumerate((h for h in found if h.document_id != query), start=1)
        ]
        for query, found in hits.items()
    }
