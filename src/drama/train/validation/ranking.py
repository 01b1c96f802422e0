"""Queries that rank documents: encoded by all processes, searched exactly, measured.

Legend: Q queries, N documents, T texts, D dimensions.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from drama.compute import World
from drama.records import Collection, Example, Hit, Qrels, ranked
from drama.records.measures import DEPTH, means, per_query
from drama.retriever import Retriever
from drama.retriever.pooling import normalise
from drama.train.batches.sampler import cut
from drama.train.forward import Forward
from drama.train.settings import ComputeSettings

_BLOCK = 256


class Ranking(NamedTuple):
    """Queries, the documents they rank, and which of these are relevant."""

    query_ids: list[str]
    queries: list[list[int]]
    """Token ids, [Q]."""
    document_ids: list[str]
    documents: list[list[int]]
    """Token ids, [N]."""
    qrels: Qrels
    ignored: dict[str, str]
    """Query id → a document that it must not find: the one it was made from, unless that is a positive."""


def ranking_of_examples(
    examples: Sequence[Example],
    queries: list[list[int]],
    documents: Mapping[str, list[int]],
    document_length: int,
) -> Ranking:
    """Each example's query over the documents that any of the examples names; its positives are relevant."""
    named = list(dict.fromkeys(i for e in examples for i in (*e.positive_ids, *e.negative_ids)))
    return Ranking(
        [e.id for e in examples],
        queries,
        named,
        [cut(documents[i], document_length) for i in named],
        {e.id: dict.fromkeys(e.positive_ids, 1) for e in examples},
        {e.id: e.origin for e in examples if e.origin and e.origin not in e.positive_ids},
    )


def ranking_of_collection(
    retriever: Retriever, folder: Path, split: str, query_length: int, document_length: int
) -> Ranking:
    """The judged queries of a BEIR folder over its corpus, cut to the lengths of the training.

    Raises:
        FileError: the BEIR folder is incomplete or broken.
    """
    judged = Collection.read(folder, split)
    judged.warn_of_missing()
    texts = {document.id: document.full_text for document in judged.documents}
    return Ranking(
        [query.id for query in judged.queries],
        retriever.tokens([query.text for query in judged.queries], "query", query_length),
        list(texts),
        retriever.tokens(list(texts.values()), "document", document_length),
        judged.qrels,
        {},
    )


@torch.no_grad()
def encode(
    retriever: Retriever, tokens: Sequence[list[int]], settings: ComputeSettings, world: World
) -> torch.Tensor:
    """Unit vectors [T, D] of all texts, on every process; each encodes its share."""
    was_training = retriever.backbone.training
    retriever.backbone.eval()
    vectors_TD = Forward(retriever, tokens, settings, world).vectors_TD
    retriever.backbone.train(was_training)
    return normalise(vectors_TD).cpu()


def measure(ranking: Ranking, queries_QD: torch.Tensor, documents_ND: torch.Tensor) -> dict[str, float]:
    """Every measure of `records.measures` for exact search by dot product, means over the queries.

    As in search, a vector of zeros finds nothing and is never found.
    """
    column = {document: n for n, document in enumerate(ranking.document_ids)}
    empty_N = ~documents_ND.any(dim=1)
    run: dict[str, list[Hit]] = {}
    for start in range(0, len(queries_QD), _BLOCK):
        block_QD = queries_QD[start : start + _BLOCK]
        scores_QN = (block_QD @ documents_ND.T).masked_fill(empty_N, -math.inf)
        scores_QN[~block_QD.any(dim=1)] = -math.inf
        ids = ranking.query_ids[start : start + _BLOCK]
        for row, query in enumerate(ids):
            ignored = column.get(ranking.ignored.get(query, ""))
            if ignored is not None:
                scores_QN[row, ignored] = -math.inf
        for query, scores_N in zip(ids, scores_QN.numpy(), strict=True):
            found = ranked(ranking.document_ids, scores_N, DEPTH)
            run[query] = [hit for hit in found if hit.score > -math.inf]
    return {name: round(value, 6) for name, value in means(per_query(run, ranking.qrels)).items()}
