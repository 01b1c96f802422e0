"""Weights of several teachers, found from the corpus itself: which mixture of them finds a document by one of
its sentences, when that sentence is taken out of it?

It is a ranking task that every corpus brings along. A text repeats its own words more than a person who asks
does, so it flatters lexical models (see docs/experiments.md, 2026-11-26); it does tell teachers that help
from those that don't.

Legend: Q sentences, N documents, B documents of a block, D a teacher's dimensions.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from drama.language import count_words, split_sentences
from drama.records import Documents
from drama.retriever import Blocks

Array = npt.NDArray[np.float32]
_SENTENCES = 200
_FEWEST = 30
"""Sentences below which nothing is said about the teachers."""
_MIN_SENTENCES, _MIN_WORDS = 3, 5
"""Of a document, and of a sentence."""
_SHARES = (0.25, 0.5, 1.0)
"""Weights that are tried for a further teacher, beside 1 of the best."""
_GAIN = 0.01
"""Mean reciprocal rank that a further teacher must add."""
_DEPTH = 10


class HeldOut(NamedTuple):
    """A sentence, the rest of its document, and the document's row in the corpus."""

    row: int
    sentence: str
    rest: str


class Probe(NamedTuple):
    """A teacher's vectors for the task."""

    sentences_QD: Array
    rests_QD: Array
    documents_ND: Blocks


def hold_out(documents: Documents, seed: int) -> list[HeldOut]:
    """Up to 200 sentences of as many documents, drawn by the seed; none where fewer than 30 documents have
    three sentences of five words."""
    draw = random.Random(f"{seed} held out")
    rows = frozenset(draw.sample(range(len(documents)), min(len(documents), 4 * _SENTENCES)))
    found: list[HeldOut] = []
    for row, document in enumerate(documents):
        if row not in rows:
            continue
        sentences = [s for s in split_sentences(document.text, document.lang) if count_words(s) >= _MIN_WORDS]
        if len(sentences) >= _MIN_SENTENCES:
            sentence = draw.choice(sentences)
            rest = document._replace(text=document.text.replace(sentence, " "))
            found.append(HeldOut(row, sentence, rest.full_text))
    found = sorted(draw.sample(found, min(len(found), _SENTENCES)))
    return found if len(found) >= _FEWEST else []


class Weights(NamedTuple):
    """What was found."""

    weights: dict[str, float]
    """Teacher → its weight, 0 for one that is of no use; they sum to 1."""
    scales: dict[str, float]
    """Teacher → factor of its cosines in the mixture: weight over spread, summing to 1."""
    ranks: dict[str, float]
    """Mean reciprocal rank of each teacher alone, and of the mixture as `all`."""


def find_weights(probes: Mapping[str, Probe], held: Sequence[HeldOut]) -> Weights:
    """The best teacher, and each further one with the weight at which it helps most, tried in the order of
    their own ranks. Cosines are divided by their spread first: those of one model lie between 0.7 and 1, of
    another between 0 and 1."""
    rows_Q = np.array([each.row for each in held])
    spread = {name: _spread(probe) for name, probe in probes.items()}

    def rank(weights: Mapping[str, float]) -> float:
        factors = {name: weight / spread[name] for name, weight in weights.items() if weight > 0}
        return _reciprocal_rank([(probes[name], factor) for name, factor in factors.items()], rows_Q)

    alone = {name: rank({name: 1.0}) for name in probes}
    best, *others = sorted(probes, key=lambda name: -alone[name])
    weights, reached = {best: 1.0}, alone[best]
    for name in others:
        tried = {share: rank(weights | {name: share}) for share in _SHARES}
        share = max(tried, key=lambda s: tried[s])
        weights[name] = share if tried[share] >= reached + _GAIN else 0.0
        reached = max(reached, tried[share]) if weights[name] else reached
    factors = {name: weights[name] / spread[name] for name in probes}
    return Weights(
        _shares({name: weights[name] for name in probes}), _shares(factors), alone | {"all": reached}
    )


def _shares(values: Mapping[str, float]) -> dict[str, float]:
    total = sum(values.values())
    return {name: value / total for name, value in values.items()}


def _spread(probe: Probe) -> float:
    """How far the cosines of a sentence with the documents of the first block are apart, on average."""
    first_BD = next(probe.documents_ND.parts())
    return max(float((probe.sentences_QD @ np.asarray(first_BD, np.float32).T).std(axis=1).mean()), 1e-6)


def _reciprocal_rank(probes: Sequence[tuple[Probe, float]], rows_Q: npt.NDArray[Any]) -> float:
    """Mean reciprocal rank, 0 beyond 10, of the document without its sentence among all other documents."""
    own_Q = sum(factor * (p.sentences_QD * p.rests_QD).sum(axis=1) for p, factor in probes)
    above_Q, start = np.zeros(len(rows_Q), dtype=np.int64), 0
    for parts in zip(*(p.documents_ND.parts() for p, _ in probes), strict=True):
        scores_QB = sum(
            factor * (p.sentences_QD @ np.asarray(part_BD, np.float32).T)
            for (p, factor), part_BD in zip(probes, parts, strict=True)
        )
        higher_QB = scores_QB > own_Q[:, None]
        inside = (rows_Q >= start) & (rows_Q < start + len(parts[0]))
        higher_QB[np.flatnonzero(inside), rows_Q[inside] - start] = False
        above_Q += higher_QB.sum(axis=1)
        start += len(parts[0])
    rank_Q = above_Q + 1
    return round(float(np.where(rank_Q <= _DEPTH, 1 / rank_Q, 0.0).mean()), 4)
