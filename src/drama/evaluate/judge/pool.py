"""What is judged: the first hits of every way to search an index, mixed in random order."""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from drama.evaluate.judge.marks import Marks
from drama.records import Hit
from drama.records.measures import MAIN_MEASURE, means, per_query
from drama.search import Found, Index
from drama.search.index import MODES


class Pool(NamedTuple):
    """The documents to judge for a query, in a random order, and the rankings that they come from."""

    documents: list[Found]
    rankings: dict[str, list[Hit]]
    """Mode → hits."""


def make_pool(index: Index, query: str, depth: int = 10) -> Pool:
    """The first `depth` documents of each mode that the index has, each once.

    Args:
        index: with its model.
        query: a text.
        depth: hits of each mode.
    """
    modes = MODES if index.has_words else ("dense",)
    found = {mode: index.search(query, depth, mode) for mode in modes}
    documents = {f.document.whole_id: f for hits in found.values() for f in hits}
    order = sorted(documents)
    random.Random(query).shuffle(order)
    rankings = {mode: [f.hit for f in hits] for mode, hits in found.items()}
    return Pool([documents[name] for name in order], rankings)


def standings(marks: Marks, rankings: Mapping[str, Mapping[str, Sequence[Hit]]]) -> dict[str, float]:
    """Mode → nDCG@10 over the queries that have a relevant document.

    Args:
        marks: the judgments; what was not judged counts as not relevant.
        rankings: query id → mode → hits.
    """
    judged = {
        query: grades
        for query, grades in marks.qrels.items()
        if query in rankings and any(grade > 0 for grade in grades.values())
    }
    modes = dict.fromkeys(mode for found in rankings.values() for mode in found)
    if not judged:
        return {}
    return {
        mode: means(per_query({q: rankings[q].get(mode, []) for q in judged}, judged))[MAIN_MEASURE]
        for mode in modes
    }
