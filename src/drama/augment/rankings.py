"""Rankings: the labelling retrievers order the corpus for each query, and may leave their vectors.

Legend: N documents, Q queries, D dimensions.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drama.augment.candidate import Candidate
from drama.augment.settings import LabelSettings
from drama.console import track
from drama.records import Document, Hit
from drama.retriever import EmbeddingStore, Encoder, load_encoder
from drama.search import BM25, BM25_NAME, LSA, LSA_NAME, exact_search, fuse
from drama.workspace import VectorWriter

_SHARD = 8192
Array = npt.NDArray[Any]


class Beside(NamedTuple):
    """Texts that get vectors too, and have no part in the rankings."""

    queries: Sequence[str] = ()
    documents: Sequence[str] = ()


_NOTHING = Beside()


class Vectors(NamedTuple):
    """One dense model's vectors of the candidates and of the corpus, what is `Beside` them behind, and its
    fingerprint."""

    queries_QD: Array
    documents_ND: Array
    made_by: str


class Rankings(NamedTuple):
    """The hits of each candidate, best first, and the vectors of each dense model."""

    hits: list[list[Hit]]
    teachers: list[Vectors]


def rank_corpus(
    candidates: Sequence[Candidate],
    documents: Sequence[Document],
    settings: LabelSettings,
    store: Path | None,
    beside: Beside = _NOTHING,
) -> Rankings:
    """Rank the corpus for every candidate by each retriever; several are fused with equal weights.

    Raises:
        DramaError: a model is missing.
    """
    queries = [c.query for c in candidates]
    rankings = []
    teachers: list[Vectors] = []
    if BM25_NAME in settings.retrievers:
        bm25 = BM25.build(documents)
        rankings.append([bm25.search([q], settings.depth)[0] for q in track(queries, "label: bm25")])
    for name in settings.retrievers:
        if name != BM25_NAME:
            vectors = _vectors(name, queries, documents, settings, EmbeddingStore(store), beside)
            teachers.append(vectors)
            ids = [d.id for d in documents]
            rankings.append(_ranked(vectors, name, len(queries), ids, settings.depth))
    if len(rankings) == 1:
        return Rankings(rankings[0], teachers)
    weights = [1.0 / len(rankings)] * len(rankings)
    return Rankings([fuse(each, weights, settings.depth) for each in zip(*rankings, strict=True)], teachers)


def _vectors(
    name: str,
    queries: Sequence[str],
    documents: Sequence[Document],
    settings: LabelSettings,
    store: EmbeddingStore,
    beside: Beside,
) -> Vectors:
    encoder: Encoder
    if name == LSA_NAME:
        encoder = LSA.build(documents)
    else:
        encoder = load_encoder(name, settings.max_length, settings.precision)
    texts = [d.full_text for d in documents]
    documents_ND = store.documents(encoder, [*texts, *beside.documents]).vectors_ND
    queries_QD = store.queries(encoder, [*queries, *beside.queries]).vectors_ND
    return Vectors(queries_QD, documents_ND, encoder.fingerprint)


def _ranked(vectors: Vectors, name: str, queries: int, ids: list[str], depth: int) -> list[list[Hit]]:
    documents_ND = vectors.documents_ND[: len(ids)]
    blocks = (
        (ids[i : i + _SHARD], documents_ND[i : i + _SHARD])
        for i in track(range(0, len(ids), _SHARD), f"label: {name}")
    )
    return exact_search(vectors.queries_QD[:queries], blocks, depth)


def keep_vectors(
    folder: Path,
    queries: Sequence[tuple[str, int]],
    documents: Sequence[Document],
    teachers: Sequence[Vectors],
) -> None:
    """Leave the vectors for distillation; those of several models side by side, so that the cosine of two
    texts is the mean of the models' cosines.

    Args:
        folder: `queries/` and `documents/` go here.
        queries: id of a row, and which candidate's vector it has.
        documents: the corpus, and behind it what was `Beside` it.
        teachers: what `rank_corpus` made.
    """
    made_by = {"models": [t.made_by for t in teachers]}
    scale = len(teachers) ** -0.5
    for part, rows, matrices in (
        ("queries", list(queries), [t.queries_QD for t in teachers]),
        ("documents", [(d.id, i) for i, d in enumerate(documents)], [t.documents_ND for t in teachers]),
    ):
        writer = VectorWriter(folder / part, sum(m.shape[1] for m in matrices), "float16", made_by)
        for shard, i in enumerate(range(0, len(rows), _SHARD)):
            ids, at = zip(*rows[i : i + _SHARD], strict=True)
            block = np.concatenate([m[list(at)] * scale for m in matrices], axis=1)
            writer.write(shard, list(ids), block)
