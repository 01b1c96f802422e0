"""Labels: windows of a query's ranking give positives and hard negatives."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf, nan

from drama.augment.candidate import Candidate
from drama.augment.labels.histogram import Histogram
from drama.augment.labels.windows import Windows, scale_windows
from drama.augment.settings import LabelSettings
from drama.console import note
from drama.records import Example, Hit


def label(
    ranked: Iterable[tuple[Candidate, Sequence[Hit]]],
    corpus_size: int,
    settings: LabelSettings,
    count: Callable[[str], None],
    scores: Histogram,
) -> Iterator[Example]:
    """Cut the windows out of every candidate's ranking (paper, section 3); `scores` gets what is found where.

    A query without a positive (possible only where `origin_is_positive` is off) is left out and counted.
    Of a query that people judged the positives are theirs, and no window's. A positive that no retriever
    found has no score: NaN.
    """
    windows = scale_windows(
        settings.positive_ranks,
        settings.negative_ranks,
        corpus_size,
        settings.depth,
        settings.scale_to_corpus,
    )
    note(f"label: positives at ranks {windows.positives or 'none'}, hard negatives at {windows.negatives}")
    for candidate, hits in ranked:
        example = _example(candidate, hits, windows, settings, count, scores)
        if example is not None:
            yield example


def _example(
    candidate: Candidate,
    hits: Sequence[Hit],
    windows: Windows,
    settings: LabelSettings,
    count: Callable[[str], None],
    histogram: Histogram,
) -> Example | None:
    origin = "" if candidate.judged else candidate.document_id
    first, last = windows.positives or (1, 0)
    scores = {h.document_id: h.score for h in hits}
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
    negatives = {}
    if windows.negatives is not None:
        low, high = windows.negatives
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
    return Example(
        candidate.id,
        candidate.query,
        list(positives),
        list(negatives),
        list(positives.values()),
        list(negatives.values()),
        candidate.kind,
        candidate.lang,
        candidate.source,
        origin,
    )


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
