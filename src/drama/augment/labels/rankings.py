"""Rankings: the labelling retrievers order the corpus for each query, and may leave their vectors.

Legend: N documents, Q queries, D dimensions.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drama.augment.candidate import Candidate
from drama.augment.labels.hit_lists import HitLists
from drama.augment.settings import LabelSettings
from drama.console import track
from drama.records import Documents, Hit, Texts
from drama.retriever import Blocks, EmbeddingStore, Encoder, SpreadEncoding, load_encoder
from drama.search import BM25, BM25_NAME, LSA, LSA_NAME, exact_search, fuse
from drama.workers import Make, RaySettings, work_through
from drama.workspace import VectorWriter

_SHARD = 8192
_QUERIES = 65536
"""Queries that one pass over the corpus' vectors searches for."""
Array = npt.NDArray[Any]


class Beside(NamedTuple):
    """Texts that get vectors too, and have no part in the rankings."""

    queries: Sequence[str] = ()
    documents: Sequence[str] = ()


_NOTHING = Beside()


class Vectors(NamedTuple):
    """One dense model's vectors of the candidates and, behind them, the queries `Beside` them; of the corpus;
    of the documents beside it. And the model's fingerprint."""

    queries_QD: Array
    documents_ND: Blocks
    beside_ND: Blocks
    made_by: str


class Rankings(NamedTuple):
    """The hits of each candidate, best first, and the vectors of each dense model."""

    hits: HitLists
    teachers: list[Vectors]


def rank_corpus(
    candidates: Sequence[Candidate],
    documents: Documents,
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
        rankings.append(_searched(make, queries, ray))
    for name in settings.retrievers:
        if name != BM25_NAME:
            vectors = _vectors(name, queries, documents, settings, store, beside, ray)
            teachers.append(vectors)
            documents_ND = vectors.documents_ND if ray is None else vectors.documents_ND.loaded()
            exact = partial(_by_vectors, name, [d.id for d in documents], documents_ND, settings.depth)
            rankings.append(_searched(exact, vectors.queries_QD[: len(queries)], ray))
    if len(rankings) == 1:
        return Rankings(rankings[0], teachers)
    weights = [1.0 / len(rankings)] * len(rankings)
    fused = (fuse(each, weights, settings.depth) for each in zip(*rankings, strict=True))
    return Rankings(HitLists(fused), teachers)


def _vectors(
    name: str,
    queries: Sequence[str],
    documents: Documents,
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
        encoder = model = load_encoder(name, settings.max_length, settings.precision)
        if ray is not None:
            store.spread = SpreadEncoding(name, settings.max_length, model.precision, ray)
    documents_ND = store.document_blocks(encoder, Texts(documents))
    beside_ND = store.document_blocks(encoder, beside.documents) if beside.documents else Blocks([])
    queries_QD = store.queries(encoder, [*queries, *beside.queries]).vectors_ND
    return Vectors(queries_QD, documents_ND, beside_ND, encoder.fingerprint)


def _searched(
    make: Make[Any, list[list[Hit]]], queries: Sequence[str] | Array, ray: RaySettings | None
) -> HitLists:
    """The hits of each query; actors get a few blocks of queries each, this process all at once."""
    size = _QUERIES if ray is None else max(1, min(_QUERIES, -(-len(queries) // (4 * ray.actors))))
    blocks = (queries[i : i + size] for i in range(0, len(queries), size))
    return HitLists(chain.from_iterable(work_through(make, blocks, ray)))


def _by_bm25(bm25: BM25, depth: int) -> Callable[[Sequence[str]], list[list[Hit]]]:
    return lambda queries: [bm25.search([q], depth)[0] for q in track(queries, "label: bm25")]


def _by_vectors(
    name: str, ids: list[str], documents_ND: Blocks, depth: int
) -> Callable[[Array], list[list[Hit]]]:
    def search(queries_QD: Array) -> list[list[Hit]]:
        return exact_search(queries_QD, track(_named(ids, documents_ND), f"label: {name}"), depth)

    return search


def _named(ids: Sequence[str], documents_ND: Blocks) -> Iterator[tuple[list[str], Array]]:
    """Vectors with their ids."""
    first = 0
    for part_ND in documents_ND.parts():
        yield list(ids[first : first + len(part_ND)]), part_ND
        first += len(part_ND)


def keep_vectors(
    folder: Path,
    queries: Sequence[tuple[str, int]],
    documents: Sequence[str],
    beside: Sequence[str],
    teachers: Sequence[Vectors],
) -> None:
    """Leave the vectors for distillation; those of several models side by side, so that the cosine of two
    texts is the mean of the models' cosines.

    Args:
        folder: `queries/` and `documents/` go here.
        queries: id of a row, and which candidate's vector it has.
        documents: ids of the corpus.
        beside: ids of the documents that were `Beside` it.
        teachers: what `rank_corpus` made.
    """
    made_by = {"models": [t.made_by for t in teachers]}
    scale = len(teachers) ** -0.5

    def writer(part: str) -> VectorWriter:
        width = sum(t.queries_QD.shape[1] for t in teachers)
        return VectorWriter(folder / part, width, "float16", made_by)

    of_queries, of_documents = writer("queries"), writer("documents")
    for shard, i in enumerate(range(0, len(queries), _SHARD)):
        names, at = zip(*queries[i : i + _SHARD], strict=True)
        block = np.concatenate([t.queries_QD[list(at)] * scale for t in teachers], axis=1)
        of_queries.write(shard, list(names), block)
    corpus = zip(*(_named(documents, t.documents_ND) for t in teachers), strict=True)
    behind = zip(*(_named(beside, t.beside_ND) for t in teachers), strict=True)
    for shard, parts in enumerate(chain(corpus, behind)):
        block = np.concatenate([part_ND * scale for _, part_ND in parts], axis=1)
        of_documents.write(shard, parts[0][0], block)
