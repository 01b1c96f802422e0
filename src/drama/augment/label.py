"""Labels: retrievers rank the corpus for each query; rank windows give positives and hard negatives.

Legend: N documents, Q queries, D dimensions.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drama.augment.candidate import Candidate
from drama.augment.settings import LabelSettings
from drama.augment.windows import Windows, scale_windows
from drama.console import note, track
from drama.records import Document, Example, Hit
from drama.retriever import EmbeddingStore, Encoder, load_encoder
from drama.search import BM25, BM25_NAME, LSA, LSA_NAME, exact_search, fuse
from drama.workspace import VectorWriter

_SHARD = 8192
Array = npt.NDArray[Any]


def label(
    candidates: Sequence[Candidate],
    documents: Sequence[Document],
    settings: LabelSettings,
    folder: Path,
    store: Path | None,
    count: Callable[[str], None],
) -> Iterator[Example]:
    """Rank the corpus for every candidate and cut out the windows (paper, section 3).

    A query without a positive (possible only where `origin_is_positive` is off) is left out and counted.

    Raises:
        DramaError: a model is missing.
    """
    dense = [name for name in settings.retrievers if name != BM25_NAME]
    windows = scale_windows(
        settings.positive_ranks,
        settings.negative_ranks,
        len(documents),
        settings.depth,
        settings.scale_to_corpus,
    )
    note(f"label: positives at ranks {windows.positives}, hard negatives at {windows.negatives}")
    queries = [c.query for c in candidates]
    rankings = []
    teachers: list[_Vectors] = []
    if BM25_NAME in settings.retrievers:
        bm25 = BM25.build(documents)
        rankings.append([bm25.search([q], settings.depth)[0] for q in track(queries, "label: bm25")])
    for name in dense:
        vectors = _vectors(name, candidates, documents, settings, EmbeddingStore(store))
        teachers.append(vectors)
        rankings.append(_ranked(vectors, name, [d.id for d in documents], settings.depth))
    if settings.keep_vectors:
        _keep(folder, [c.id for c in candidates], [d.id for d in documents], teachers)
    weights = [1.0 / len(rankings)] * len(rankings)
    for row, candidate in enumerate(candidates):
        each = [ranking[row] for ranking in rankings]
        hits = each[0] if len(each) == 1 else fuse(each, weights, settings.depth)
        example = _example(candidate, hits, windows, settings.origin_is_positive, count)
        if example is not None:
            yield example


class _Vectors(NamedTuple):
    """One dense model's vectors of the candidates and of the corpus, and its fingerprint."""

    queries_QD: Array
    documents_ND: Array
    made_by: str


def _vectors(
    name: str,
    candidates: Sequence[Candidate],
    documents: Sequence[Document],
    settings: LabelSettings,
    store: EmbeddingStore,
) -> _Vectors:
    encoder: Encoder
    if name == LSA_NAME:
        encoder = LSA.build(documents)
    else:
        encoder = load_encoder(name, settings.max_length, settings.precision)
    documents_ND = store.documents(encoder, [d.full_text for d in documents]).vectors_ND
    queries_QD = store.queries(encoder, [c.query for c in candidates]).vectors_ND
    return _Vectors(queries_QD, documents_ND, encoder.fingerprint)


def _ranked(vectors: _Vectors, name: str, ids: list[str], depth: int) -> list[list[Hit]]:
    blocks = (
        (ids[i : i + _SHARD], vectors.documents_ND[i : i + _SHARD])
        for i in track(range(0, len(ids), _SHARD), f"label: {name}")
    )
    return exact_search(vectors.queries_QD, blocks, depth)


def _keep(folder: Path, queries: list[str], documents: list[str], teachers: Sequence[_Vectors]) -> None:
    """Leave the vectors for distillation; those of several models side by side, so that the cosine of two
    texts is the mean of the models' cosines."""
    made_by = {"models": [t.made_by for t in teachers]}
    scale = len(teachers) ** -0.5
    for part, ids, matrices in (
        ("queries", queries, [t.queries_QD for t in teachers]),
        ("documents", documents, [t.documents_ND for t in teachers]),
    ):
        writer = VectorWriter(folder / part, sum(m.shape[1] for m in matrices), "float16", made_by)
        for shard, i in enumerate(range(0, len(ids), _SHARD)):
            block = np.concatenate([m[i : i + _SHARD] * scale for m in matrices], axis=1)
            writer.write(shard, ids[i : i + _SHARD], block)


def _example(
    candidate: Candidate,
    hits: Sequence[Hit],
    windows: Windows,
    origin_is_positive: bool,
    count: Callable[[str], None],
) -> Example | None:
    origin = candidate.document.id
    first, last = windows.positives
    positives = {h.document_id: h.score for h in hits[first - 1 : last]}
    if origin_is_positive and origin not in positives:
        scores = {h.document_id: h.score for h in hits}
        positives = {origin: scores.get(origin, 0.0), **positives}
        count("label: origin not among the positives, added")
    if not positives:
        count("label: no positive found, left out")
        return None
    negatives = {}
    if windows.negatives is not None:
        low, high = windows.negatives
        negatives = {
            h.document_id: h.score
            for h in hits[low - 1 : high]
            if h.document_id not in positives and h.document_id != origin
        }
    if not negatives:
        count("label: no hard negatives (ranking too short)")
    count("label: ok")
    return Example(
        candidate.id,
        candidate.query,
        list(positives),
        list(negatives),
        list(positives.values()),
        list(negatives.values()),
        candidate.kind,
        candidate.document.lang,
        candidate.document.source,
        origin,
    )
