"""Candidate: a query that waits for its labels."""

from collections.abc import Mapping
from typing import NamedTuple

from drama.records import Document, Example


class Candidate(NamedTuple):
    """A query, how it was made, and the document it was made from, with its language and corpus.

    A query that people judged was made from no document: `document_id` is then the first of the `judged`.
    """

    id: str
    query: str
    kind: str
    document_id: str
    lang: str = ""
    source: str = ""
    judged: tuple[str, ...] = ()
    """Ids of the documents that people call relevant."""
    written: tuple[Document, ...] = ()
    """Passages that an LLM wrote together with the query: its positive and its hard negative. Such a query is
    not searched for in the corpus."""

    def example(self, positives: Mapping[str, float], negatives: Mapping[str, float]) -> Example:
        """The row of this query, with the ids and scores of its labels."""
        ids, scores = (list(positives), list(negatives)), (list(positives.values()), list(negatives.values()))
        origin = "" if self.judged else self.document_id
        return Example(self.id, self.query, *ids, *scores, self.kind, self.lang, self.source, origin)
