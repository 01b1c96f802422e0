"""Labels: windows of a query's ranking give positives and hard negatives."""

from collections.abc import Callable, Iterable, Iterator
from math import inf, nan
from typing import NamedTuple

from drama.augment.candidate import Candidate
from drama.augment.labels.histogram import Histogram
from drama.augment.labels.rankings import RankedQuery
from drama.augment.labels.settings import LabelSettings
from drama.console import note
from drama.records import Example, has_signal

FULL_SCALE = 100_000
"""The smallest corpus for which the windows are not scaled."""


class Windows(NamedTuple):
    """First and last rank, both included, counted from 1. None: no ranks."""

    positives: tuple[int, int] | None
    negatives: tuple[int, int] | None


def scale_windows(
    positives: tuple[int, int] | None, negatives: tuple[int, int], documents: int, depth: int, scale: bool
) -> Windows:
    """The windows for a corpus of this size.

    The paper's ranks (1–10, 30–50) are for 25 million documents, where rank 30 is still on the topic. In a
    corpus of N < 100,000 every rank is multiplied by (N / 100,000) ** 0.25, positives keep at least rank 1,
    negatives start after the last positive and end within the list. [A choice of ours, not the paper's.]

    >>> scale_windows((1, 10), (30, 50), documents=25_000_000, depth=50, scale=True)
    Windows(positives=(1, 10), negatives=(30, 50))
    >>> scale_windows((1, 10), (30, 50), documents=2_000, depth=50, scale=True)
    Windows(positives=(1, 3), negatives=(11, 18))
    """
    factor = min(1.0, (documents / FULL_SCALE) ** 0.25) if scale else 1.0
    end = min(depth, documents)
    last, of_positives = 0, None
    if positives is not None:
        first = min(max(1, int(positives[0] * factor)), end)
        last = min(max(first, int(positives[1] * factor)), end)
        of_positives = first, last
    low = max(last + 1, int(negatives[0] * factor))
    high = min(end, max(low, int(negatives[1] * factor)))
    return Windows(of_positives, (low, high) if low <= high else None)


def survives_round_trip(query: RankedQuery, k: int, count: Callable[[str], None], scores: Histogram) -> bool:
    """Whether a query that an LLM wrote finds its document among the first k hits (Alberti et al. 2019; Dai
    et al. 2022, section 3.2); True for all other queries, and where k is 0.

    A query that is dropped is counted, and `scores` gets the score of its best hit.
    """
    candidate, ranking = query.candidate, query.ranking
    if k == 0 or candidate.kind != "qgen" or candidate.origin in ranking.ids[:k]:
        return True
    count("qgen: does not lead back to its document, left out")
    scores.add("best hits of queries that do not lead back", ranking.scores[:1])
    return False


def label(
    ranked: Iterable[RankedQuery],
    corpus_size: int,
    settings: LabelSettings,
    count: Callable[[str], None],
    scores: Histogram,
) -> Iterator[Example]:
    """Yield an example for each query, cut out of its ranking by the windows (paper, section 3).

    A query without a positive (possible only where `origin_is_positive` is off) is left out and counted. So
    is one for which no retriever found anything. Where all hits score the same, none is taken by its rank.
    The positives of a judged query are those that people judged relevant, whatever their ranks. A positive
    that no retriever found has no score: NaN. `count` is called with each outcome; `scores` gets the scores
    of positives, hard negatives and what was dropped.
    """
    ranks = settings.positive_ranks, settings.negative_ranks
    windows = scale_windows(*ranks, corpus_size, settings.depth, settings.scale_to_corpus)
    positives, negatives = map(_ranks, windows)
    note(f"label: positives at ranks {positives}, hard negatives at {negatives}")
    for query in ranked:
        example = _example(query, windows, settings, count, scores)
        if example is not None:
            yield example


def _ranks(window: tuple[int, int] | None) -> str:
    return "none" if window is None else f"{window[0]} to {window[1]}"


def label_written(candidate: Candidate) -> Example:
    """The example of a query whose passages were written with it, unranked: the scores are 1 and 0."""
    positive, negative = candidate.written
    return candidate.example({positive.id: 1.0}, {negative.id: 0.0})


def _example(
    query: RankedQuery,
    windows: Windows,
    settings: LabelSettings,
    count: Callable[[str], None],
    histogram: Histogram,
) -> Example | None:
    candidate, hits, origin = query.candidate, query.hits, query.candidate.origin
    first, last = windows.positives or (1, 0)
    scores = {h.document_id: h.score for h in hits}
    if not candidate.judged and not hits:
        count("label: nothing found for the query, left out")
        return None
    if not candidate.judged and not has_signal(hits):
        count("label: all hits score the same, none taken by its rank")
        hits = []
    if candidate.judged:
        positives = {i: scores.get(i, nan) for i in candidate.judged}
    else:
        positives = {h.document_id: h.score for h in hits[first - 1 : last]}
    if origin and settings.origin_is_positive and origin not in positives:
        positives = {origin: scores.get(origin, nan), **positives}
        count("label: origin not among the positives, added")
    if not positives:
        count("label: no positive found, left out")
        return None
    histogram.add("positives", [s for i, s in positives.items() if i in scores])
    low, high = windows.negatives or (1, 0)
    negatives = {h.document_id: h.score for h in hits[low - 1 : high]}
    for known in [i for i in negatives if i in positives or i == origin]:
        name = "origin" if known == origin else "judged relevant"
        count(f"label: hard negative is {name}, dropped")
        histogram.add(f"dropped: {name}", [negatives.pop(known)])
    if not negatives:
        count("label: no hard negatives (ranking too short)")
    elif settings.negatives_below is not None:
        best = max((s for i, s in positives.items() if i in scores), default=-inf)
        negatives = _below(negatives, settings.negatives_below * best, count, histogram)
    histogram.add("hard negatives", negatives.values())
    count("label: ok")
    return candidate.example(positives, negatives)


def _below(
    negatives: dict[str, float], bound: float, count: Callable[[str], None], histogram: Histogram
) -> dict[str, float]:
    """Negatives that score below the bound: the others may be positives that nobody labelled (NV-Retriever,
    Moreira et al. 2024, section 3: TopK-PercPos)."""
    kept = {}
    for document, score in negatives.items():
        if score < bound:
            kept[document] = score
        else:
            count("label: hard negative too near to the positives, dropped")
            histogram.add("dropped: too near to the positives", [score])
    if not kept:
        count("label: no hard negatives (all too near to the positives)")
    return kept
