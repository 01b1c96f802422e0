"""trec_eval's measures by ir-measures, on our ranking, which is trec_eval's (`records.hit`).

ir-measures takes RR@10 from MS MARCO's code, which breaks ties by *rising* document id. So it is given the
negative rank instead of the score: all measures see one order, without ties.
"""

from collections.abc import Mapping, Sequence

import ir_measures

from drama.records.hit import Hit
from drama.records.judgment import Qrels

MEASURES = {str(m): m for m in map(ir_measures.parse_measure, ("nDCG@10", "R@100", "RR@10"))}
"""All that is measured, by ir-measures' names: the list of evaluation, validation and reports."""
MAIN_MEASURE = "nDCG@10"
"""The measure that plots show and the significance test compares."""
DEPTH = max(int(m.params.get("cutoff", 1000)) for m in MEASURES.values())
"""Hits of a query that the measures look at: the largest cutoff, 1,000 for a measure without one."""


def per_query(run: Mapping[str, Sequence[Hit]], qrels: Qrels) -> dict[str, dict[str, float]]:
    """Measure → query id → value, for every judged query.

    A judged query without hits counts 0 (`trec_eval -c`). So does one whose judgments are all 0: trec_eval
    averages over it too.

    >>> hits = [Hit("a", 2.0, 1), Hit("b", 1.0, 2)]
    >>> per_query({"q": hits}, {"q": {"b": 1}})["RR@10"]
    {'q': 0.5}
    """
    ranks = {q: {hit.document_id: float(-hit.rank) for hit in hits} for q, hits in run.items() if q in qrels}
    found: dict[str, dict[str, float]] = {name: dict.fromkeys(qrels, 0.0) for name in MEASURES}
    if any(ranks.values()):
        for value in ir_measures.iter_calc(list(MEASURES.values()), qrels, ranks):
            found[str(value.measure)][value.query_id] = float(value.value)
    return found


def means(values: dict[str, dict[str, float]]) -> dict[str, float]:
    """Measure → mean over queries."""
    return {name: sum(each.values()) / max(1, len(each)) for name, each in values.items()}
