"""What a reranker returns, and what it is."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

OK = "ok"
TOO_LONG = "too long for the LLM"


class Reranked(NamedTuple):
    """One list in the LLM's order.

    `order` holds positions in the given list, best first; `scores` are parallel to it; `outcomes` has one
    entry for each time the LLM was asked about this list; `answers` what it said, where it said something.
    """

    order: list[int]
    scores: list[float]
    outcomes: list[str]
    answers: list[str]


class Reranker(Protocol):
    """Orders the documents of each query."""

    def rerank(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> Iterator[Reranked]:
        """One result for each query and its list of texts, in their order."""


def by_rank(order: list[int], outcomes: list[str], answers: list[str]) -> Reranked:
    """A result of a method that gives an order only: the score is 1 / rank."""
    return Reranked(order, [1 / rank for rank in range(1, len(order) + 1)], outcomes, answers)
