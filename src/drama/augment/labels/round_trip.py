"""Round trip: a written query is kept where it leads back to its document (Alberti et al. 2019; Dai et al.
2022, section 3.2)."""

from collections.abc import Callable, Sequence

from drama.augment.candidate import Candidate
from drama.augment.labels.histogram import Histogram
from drama.records import Hit


def leads_back(
    candidate: Candidate, hits: Sequence[Hit], k: int, count: Callable[[str], None], scores: Histogram
) -> bool:
    """Whether the document that an LLM wrote this query for is among its first k hits.

    Queries that are the document's own words are kept as they are; so is everything where k is 0. A query
    that is dropped is counted, and `scores` gets its best hit's.
    """
    if k == 0 or candidate.kind != "qgen" or candidate.document_id in {h.document_id for h in hits[:k]}:
        return True
    count("qgen: does not lead back to its document, left out")
    scores.add("best hits of queries that do not lead back", [hit.score for hit in hits[:1]])
    return False
