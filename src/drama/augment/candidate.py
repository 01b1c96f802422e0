"""Candidate: a query without its labels yet."""

from collections.abc import Mapping
from typing import NamedTuple

from drama.records import Document, Example


class Candidate(NamedTuple):
    """A query, how it was made, and the document it was made from, with its language and corpus."""

    id: str
    query: str
    kind: str
    origin: str
    """Id of the document it was made from; empty for a judged query."""
    lang: str = ""
    source: str = ""
    judged: tuple[str, ...] = ()
    """Ids of the documents that people call relevant."""
    written: tuple[Document, ...] = ()
    """The positive and the hard negative that an LLM wrote with the query, which is then not searched for."""

    def example(self, positives: Mapping[str, float], negatives: Mapping[str, float]) -> Example:
        """The row of this query, with the ids and scores of its labels."""
        ids, scores = (list(positives), list(negatives)), (list(positives.values()), list(negatives.values()))
        return Example(self.id, self.query, *ids, *scores, self.kind, self.lang, self.source, self.origin)
