"""Candidate: a query that waits for its labels."""

from typing import NamedTuple

from drama.records import Document


class Candidate(NamedTuple):
    """A query, how it was made, and the document it was made from."""

    id: str
    query: str
    kind: str
    document: Document
