"""Some pseudo-queries that a system answered well, and some that it answered badly."""

from collections.abc import Mapping, Sequence
from typing import Any

from drama.records import Collection, Document, Hit
from drama.records.measures import MAIN_MEASURE, per_query
from drama.search import BM25_NAME
from drama.search.snippet import flowing

_EACH = 3
_SHOWN = 200
"""Characters of a document."""
Hits = Mapping[str, Sequence[Hit]]


def good_and_bad(
    judged: Collection, runs: Mapping[str, Hits], system: str
) -> dict[str, list[dict[str, Any]]]:
    """Three queries that find their document first, those first that BM25 answers worst; and three that don't
    have it among the first ten hits, or that are the worst.

    Args:
        judged: the pseudo-queries, each with one relevant document.
        runs: system → query id → hits. BM25 is among them.
        system: the one that is shown.
    """
    own, words = (per_query(runs[name], judged.qrels)[MAIN_MEASURE] for name in (system, BM25_NAME))
    texts = {query.id: query.text for query in judged.queries}
    good = sorted((q for q in texts if own[q] == 1), key=lambda q: (words[q], q))
    bad = sorted((q for q in texts if own[q] < 1), key=lambda q: (own[q], -words[q], q))
    first: dict[str, Document] = {}
    for document in judged.documents:
        first.setdefault(document.whole_id, document)

    def told(query: str) -> dict[str, Any]:
        (wanted,) = judged.qrels[query]
        ranks = {name: _rank(runs[name].get(query, []), wanted) for name in (system, BM25_NAME)}
        found: dict[str, Any] = {
            "query": texts[query], "document": wanted, "text": _opening(first[wanted]), "ranks": ranks
        }  # fmt: skip
        hits = runs[system].get(query, [])
        if hits and hits[0].document_id != wanted:
            best = hits[0].document_id
            found["first"] = {"document": best, "text": _opening(first[best])}
        return found

    return {"good": [told(q) for q in good[:_EACH]], "bad": [told(q) for q in bad[:_EACH]]}


def _rank(hits: Sequence[Hit], document: str) -> int | None:
    return next((hit.rank for hit in hits if hit.document_id == document), None)


def _opening(document: Document) -> str:
    text = flowing(f"{document.title}\n{document.text}")
    return text if len(text) <= _SHOWN else text[:_SHOWN].rsplit(" ", 1)[0] + " …"
