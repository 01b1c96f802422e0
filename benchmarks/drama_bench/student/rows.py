"""The rows of the bench's tables: every ranking of a corpus, measured for each query."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from drama.console import note
from drama.evaluate.settings import EvaluateSettings
from drama.records import Collection, Document, Hit
from drama.records.measures import MAIN_MEASURE, per_query
from drama.retriever import EmbeddingStore, Encoder, load_encoder
from drama.search import BM25, LSA, exact_search, fuse, hybrid, smooth
from drama.search.smoothed import SmoothedBM25

DEPTH = 1000
Search = Callable[[Sequence[str]], list[list[Hit]]]
Rows = dict[str, dict[str, float]]
"""Row → query → nDCG@10."""
FREE = "all free rankings"
STUDENT, SMOOTHED, STUDENT_BM25, HYBRID = "student", "student, smoothed", "student + bm25", "hybrid"
EVERYTHING = "everything"
"""The student and all free rankings, fused."""


class Baselines:
    """All that costs no training: BM25, smoothed BM25, LSA, the teachers, and their fusions."""

    def __init__(
        self, documents: list[Document], teachers: Sequence[str], max_length: int, store: EmbeddingStore
    ) -> None:
        self.bm25 = BM25.build(documents)
        self.teachers = list(teachers)
        self._searches: dict[str, Search] = {
            "bm25": lambda queries: self.bm25.search(queries, DEPTH),
            "bm25-smoothed": _searching(SmoothedBM25.build(documents)),
            "lsa": dense(LSA.build(documents), documents, EmbeddingStore(None))[0],
        }
        for name in teachers:
            self._searches[name] = dense(load_encoder(name, max_length, "auto"), documents, store)[0]

    def hits(self, collection: Collection) -> dict[str, list[list[Hit]]]:
        """Row → hits of each query."""
        found = {}
        for name, search in self._searches.items():
            note(f"  {collection.name}: {name}")
            found[name] = search([q.text for q in collection.queries])
        for name in self.teachers:
            found[f"{name} + bm25"] = _fused([found[name], found["bm25"]])
        found[FREE] = _fused([found[name] for name in ("bm25", "lsa", *self.teachers)])
        return found


class Student:
    """A student's rankings: alone, with smoothed documents, and fused with BM25."""

    def __init__(
        self, model: Path, documents: list[Document], settings: EvaluateSettings, store: Path
    ) -> None:
        encoder = load_encoder(model, settings.max_length, settings.precision)
        self._settings = settings
        self._plain, vectors_ND = dense(encoder, documents, EmbeddingStore(store))
        moved_ND = np.concatenate(list(smooth(vectors_ND, settings.smoothing)))
        self._smoothed = _by_vectors(encoder, [d.id for d in documents], moved_ND, EmbeddingStore(store))

    def hits(
        self,
        collection: Collection,
        bm25: BM25,
        free: Mapping[str, list[list[Hit]]],
        teachers: Sequence[str],
    ) -> dict[str, list[list[Hit]]]:
        """Row → hits of each query, given the baselines' hits."""
        texts, fusion = [q.text for q in collection.queries], self._settings.fusion
        plain, smoothed, words = self._plain(texts), self._smoothed(texts), free["bm25"]
        others = [free[name] for name in ("bm25", "lsa", *teachers)]
        together = zip(smoothed, words, bm25.bounds(texts), strict=True)
        return {
            STUDENT: plain,
            SMOOTHED: smoothed,
            STUDENT_BM25: _fused([plain, words]),
            HYBRID: [hybrid(a, b, bound, fusion.dense_share, DEPTH) for a, b, bound in together],
            EVERYTHING: _fused([plain, *others]),
        }


def measured(hits: Mapping[str, list[list[Hit]]], collection: Collection) -> Rows:
    """nDCG@10 of every query in every row."""
    ids = [q.id for q in collection.queries]
    runs = {name: dict(zip(ids, found, strict=True)) for name, found in hits.items()}
    found = {name: per_query(run, collection.qrels)[MAIN_MEASURE] for name, run in runs.items()}
    return {name: {q: round(value, 5) for q, value in row.items()} for name, row in found.items()}


def dense(
    encoder: Encoder, documents: list[Document], store: EmbeddingStore
) -> tuple[Search, np.ndarray[tuple[int, int], np.dtype[np.float32]]]:
    """A search by a dense model, and its documents' vectors."""
    vectors_ND = store.documents(encoder, [d.full_text for d in documents]).vectors_ND
    return _by_vectors(encoder, [d.id for d in documents], vectors_ND, store), vectors_ND


def _by_vectors(
    encoder: Encoder,
    ids: list[str],
    vectors_ND: np.ndarray[tuple[int, int], np.dtype[np.float32]],
    store: EmbeddingStore,
) -> Search:
    def search(queries: Sequence[str]) -> list[list[Hit]]:
        return exact_search(store.queries(encoder, queries).vectors_ND, [(ids, vectors_ND)], DEPTH)

    return search


def _searching(model: SmoothedBM25) -> Search:
    return lambda queries: model.search(queries, DEPTH)


def _fused(rankings: Sequence[list[list[Hit]]]) -> list[list[Hit]]:
    """Min-max fusion with equal weights: what anybody would try first."""
    weights = [1 / len(rankings)] * len(rankings)
    return [fuse(each, weights, DEPTH) for each in zip(*rankings, strict=True)]
