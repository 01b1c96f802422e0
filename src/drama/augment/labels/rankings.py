"""Rankings: the labelling retrievers order the corpus for each query.

Legend: N documents, Q queries, D dimensions.
"""

from array import array
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from drama.augment.candidate import Candidate
from drama.augment.labels.settings import LabelSettings
from drama.augment.labels.teacher import Array, ModelVectors, TeacherVectors, embed
from drama.augment.labels.weights import HeldOut, Weights, find_weights, hold_out
from drama.console import note, track, warn
from drama.records import Documents, Hit
from drama.retriever import Blocks
from drama.search import BM25, BM25_NAME, exact_search, fuse
from drama.servers.settings import ServerSettings
from drama.workers import Make, RaySettings, work_through

_QUERIES = 65536
"""Queries per pass over the corpus' vectors."""


class HitList(NamedTuple):
    """One query's ranking in little memory: 16 bytes per hit, since the ids are the corpus' own.

    >>> HitList.of([Hit("a", 2.0, 1), Hit("b", 1.0, 2)]).hits()
    [Hit(document_id='a', score=2.0, rank=1), Hit(document_id='b', score=1.0, rank=2)]
    """

    ids: tuple[str, ...]
    scores: "array[float]"

    @classmethod
    def of(cls, hits: Sequence[Hit]) -> Self:
        """Pack hits, best first."""
        return cls(tuple(hit.document_id for hit in hits), array("d", (hit.score for hit in hits)))

    def hits(self) -> list[Hit]:
        """Unpack them."""
        pairs = zip(self.ids, self.scores, strict=True)
        return [Hit(document_id, score, rank) for rank, (document_id, score) in enumerate(pairs, start=1)]


class RankedQuery(NamedTuple):
    """A query with its hits, and the row of its vector in each model's `queries_QD`."""

    candidate: Candidate
    row: int
    ranking: HitList

    @property
    def hits(self) -> list[Hit]:
        """Best first; unpacked at each call."""
        return self.ranking.hits()


def rank_corpus(
    queries: Sequence[Candidate],
    complete: Sequence[Candidate],
    documents: Documents,
    settings: LabelSettings,
    store: Path | None,
    ray: RaySettings | None = None,
    server: ServerSettings | None = None,
    seed: int = 0,
) -> tuple[list[RankedQuery], TeacherVectors]:
    """Rank the corpus for every query by each retriever; several are fused, dense models with equal weights
    or those that `find_weights` finds. BM25 counts as much as a model would among equal ones.

    With `ray`, actors embed by the models and search; LSA's vectors are made here.

    Args:
        queries: to search for.
        complete: queries with their own passages. They are not ranked, but with `keep_vectors` they get
            vectors, in the rows after the others.
        documents: the corpus.
        settings: retrievers, and how they encode.
        store: a folder that keeps vectors by content.
        ray: where models run; None: in this process.
        server: how a server's models are asked.
        seed: of the sentences that weights are found with.
    """
    embedded = [*queries, *(complete if settings.keep_vectors else ())]
    ids = [d.id for d in documents]
    written = [d.id for candidate in complete for d in candidate.written]
    if not embedded:
        return [], TeacherVectors([], ids, written, [])
    texts = [query.query for query in queries]
    rankings: list[list[HitList]] = []
    weights: list[float] = []
    if BM25_NAME in settings.retrievers:
        make = partial(_by_bm25, BM25.build(documents), settings.depth)
        rankings.append(_searched(make, texts, ray))
        weights.append(1.0 / len(settings.retrievers))
    dense = [name for name in settings.retrievers if name != BM25_NAME]
    held = hold_out(documents, seed) if settings.weights == "auto" and len(dense) > 1 else []
    models = {name: embed(name, embedded, documents, settings, store, ray, server, held) for name in dense}
    found = _weights(models, held) if settings.weights == "auto" and len(dense) > 1 else None
    of_models = found.weights if found else dict.fromkeys(dense, 1.0 / max(1, len(dense)))
    used = [name for name in dense if of_models[name] > 0]
    for name in used:
        model = models[name]
        documents_ND = model.documents_ND if ray is None else model.documents_ND.loaded()
        exact = partial(_by_vectors, name, ids, documents_ND, settings.depth)
        rankings.append(_searched(exact, model.queries_QD[: len(texts)], ray))
        weights.append((1.0 - sum(weights[: BM25_NAME in settings.retrievers])) * of_models[name])
    shares = found.scales if found else of_models
    vectors = TeacherVectors(
        [models[name] for name in used], ids, written, [shares[name] for name in used], found
    )
    fused = rankings[0]
    if len(rankings) > 1:
        lists = ([ranking.hits() for ranking in each] for each in zip(*rankings, strict=True))
        fused = [HitList.of(fuse(each, weights, settings.depth)) for each in lists]
    rows = enumerate(zip(queries, fused, strict=True))
    return [RankedQuery(query, row, hits) for row, (query, hits) in rows], vectors


def _weights(models: Mapping[str, ModelVectors], held: Sequence[HeldOut]) -> Weights | None:
    """The dense models' weights; None, and a warning, where too few sentences can be held out."""
    probes = {name: model.probe for name, model in models.items() if model.probe is not None}
    if not probes:
        warn("augment.label.weights: too few documents of three sentences to compare teachers: equal weights")
        return None
    found = find_weights(probes, held)
    said = (f"{name} {weight:.2f} (alone {found.ranks[name]:.3f})" for name, weight in found.weights.items())
    together = f"together {found.ranks['all']:.3f}"
    note(f"label: weights by {len(held)} held-out sentences: {', '.join(said)}; {together}")
    return found


def _searched(
    make: Make[Any, list[list[Hit]]], queries: Sequence[str] | Array, ray: RaySettings | None
) -> list[HitList]:
    """The hits of each query; actors get a few blocks of queries each, this process gets all at once."""
    size = _QUERIES if ray is None else max(1, min(_QUERIES, -(-len(queries) // (4 * ray.actors))))
    blocks = (queries[i : i + size] for i in range(0, len(queries), size))
    return [HitList.of(hits) for each in work_through(make, blocks, ray) for hits in each]


def _by_bm25(bm25: BM25, depth: int) -> Callable[[Sequence[str]], list[list[Hit]]]:
    return lambda queries: [bm25.search([q], depth)[0] for q in track(queries, "label: bm25")]


def _by_vectors(
    name: str, ids: list[str], documents_ND: Blocks, depth: int
) -> Callable[[Array], list[list[Hit]]]:
    def search(queries_QD: Array) -> list[list[Hit]]:
        return exact_search(queries_QD, track(documents_ND.with_ids(ids), f"label: {name}"), depth)

    return search
