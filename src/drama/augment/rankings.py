"""Rankings: the labelling retrievers order the corpus for each query, and may leave their vectors.

Legend: N documents, Q queries, D dimensions.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drama.augment.candidate import Candidate
from drama.augment.settings import LabelSettings
from drama.console import progress
from drama.models import default_device, resolve_precision
from drama.records import Document, Hit
from drama.retriever import EmbeddingStore, Encoder, SpreadEncoding, load_encoder
from drama.search import BM25, BM25_NAME, LSA, LSA_NAME, exact_search, fuse
from drama.workers import Make, RaySettings, work_through
from drama.workspace import VectorWriter

_SHARD = 8192
_QUERIES = 1024
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
    ray: RaySettings | None = None,
) -> Rankings:
    """Rank the corpus for every candidate by each retriever; several are fused with equal weights.

    With `ray`, actors embed by the models and search; LSA's vectors are made here.

    Raises:
        DramaError: a model is missing.
    """
    queries = [c.query for c in candidates]
    rankings = []
    teachers: list[Vectors] = []
    if BM25_NAME in settings.retrievers:
        make = partial(_by_bm25, BM25.build(documents), settings.depth)
        rankings.append(_searched(make, queries, BM25_NAME, ray))
    for name in settings.retrievers:
        if name != BM25_NAME:
            vectors = _vectors(name, queries, documents, settings, store, beside, ray)
            teachers.append(vectors)
            documents_ND = vectors.documents_ND[: len(documents)]
            exact = partial(_by_vectors, [d.id for d in documents], documents_ND, settings.depth)
            rankings.append(_searched(exact, vectors.queries_QD[: len(queries)], name, ray))
    if len(rankings) == 1:
        return Rankings(rankings[0], teachers)
    weights = [1.0 / len(rankings)] * len(rankings)
    return Rankings([fuse(each, weights, settings.depth) for each in zip(*rankings, strict=True)], teachers)


def _vectors(
    name: str,
    queries: Sequence[str],
    documents: Sequence[Document],
    settings: LabelSettings,
    folder: Path | None,
    beside: Beside,
    ray: RaySettings | None,
) -> Vectors:
    encoder: Encoder
    store = EmbeddingStore(folder)
    if name == LSA_NAME:
        encoder = LSA.build(documents)
    else:
        encoder = load_encoder(name, settings.max_length, settings.precision)
        if ray is not None:
            precision = resolve_precision(settings.precision, default_device())  # as of this encoder
            store.spread = SpreadEncoding(name, settings.max_length, precision, ray)
    texts = [d.full_text for d in documents]
    documents_ND = store.documents(encoder, [*texts, *beside.documents]).vectors_ND
    queries_QD = store.queries(encoder, [*queries, *beside.queries]).vectors_ND
    return Vectors(queries_QD, documents_ND, encoder.fingerprint)


def _searched(
    make: Make[Any, list[list[Hit]]], queries: Sequence[str] | Array, name: str, ray: RaySettings | None
) -> list[list[Hit]]:
    """The hits of each query; blocks of queries are the unit of work."""
    size = _QUERIES if ray is None else min(_QUERIES, -(-len(queries) // (4 * ray.actors)) or 1)
    blocks = [queries[i : i + size] for i in range(0, len(queries), size)]
    found: list[list[Hit]] = []
    with progress(f"label: {name}", len(queries)) as bar:
        for hits in work_through(make, blocks, ray):
            found += hits
            bar.advance(len(hits))
    return found


def _by_bm25(bm25: BM25, depth: int) -> Callable[[Sequence[str]], list[list[Hit]]]:
    return partial(bm25.search, k=depth)


def _by_vectors(ids: list[str], documents_ND: Array, depth: int) -> Callable[[Array], list[list[Hit]]]:
    def search(queries_QD: Array) -> list[list[Hit]]:
        starts = range(0, len(ids), _SHARD)
        return exact_search(
            queries_QD, ((ids[i : i + _SHARD], documents_ND[i : i + _SHARD]) for i in starts), depth
        )

    return search


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
