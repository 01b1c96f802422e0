"""Candidate: a query that waits for its labels."""

from typing import NamedTuple

from drama.records import Document


class Candidate(NamedTuple):
    """A query, how it was made, and the document it was made from.

    A query that people judged was made from no document: `document` is then the first of the `judged` ones.
    """

    id: str
    query: str
    kind: str
    document: Document
    judged: tuple[str, ...] = ()
    """Ids of the documents that people call relevant."""
