"""Labels: windows of a query's ranking give positives and hard negatives."""

from collections.abc import Callable, Iterator, Sequence

from drama.augment.candidate import Candidate
from drama.augment.settings import LabelSettings
from drama.augment.windows import Windows, scale_windows
from drama.console import note
from drama.records import Example, Hit


def label(
    ranked: Sequence[tuple[Candidate, Sequence[Hit]]],
    corpus_size: int,
    settings: LabelSettings,
    count: Callable[[str], None],
) -> Iterator[Example]:
    """Cut the windows out of every candidate's ranking (paper, section 3).

    A query without a positive (possible only where `origin_is_positive` is off) is left out and counted.
    Of a query that people judged the positives are theirs, and no window's.
    """
    windows = scale_windows(
        settings.positive_ranks,
        settings.negative_ranks,
        corpus_size,
        settings.depth,
        settings.scale_to_corpus,
    )
    note(f"label: positives at ranks {windows.positives}, hard negatives at {windows.negatives}")
    for candidate, hits in ranked:
        example = _example(candidate, hits, windows, settings, count)
        if example is not None:
            yield example


def _example(
    candidate: Candidate,
    hits: Sequence[Hit],
    windows: Windows,
    settings: LabelSettings,
    count: Callable[[str], None],
) -> Example | None:
    origin = "" if candidate.judged else candidate.document.id
    first, last = windows.positives
    scores = {h.document_id: h.score for h in hits}
    if candidate.judged:
        positives = {i: scores.get(i, 0.0) for i in candidate.judged}
    else:
        positives = {h.document_id: h.score for h in hits[first - 1 : last]}
    if origin and settings.origin_is_positive and origin not in positives:
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
    elif settings.negatives_below is not None:
        negatives = _below(negatives, settings.negatives_below * max(positives.values()), count)
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


def _below(negatives: dict[str, float], bound: float, count: Callable[[str], None]) -> dict[str, float]:
    """Negatives that score below the bound: the others may be positives that nobody labelled (NV-Retriever,
    Moreira et al. 2024, section 3: TopK-PercPos)."""
    kept = {}
    for document, score in negatives.items():
        if score < bound:
            kept[document] = score
        else:
            count("label: hard negative too near to the positives, dropped")
    if not kept:
        count("label: no hard negatives (all too near to the positives)")
    return kept
