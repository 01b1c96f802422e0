"""Pairs: the one record that every loss term reads.

Legend: B queries, N documents of the batch, K scored documents of a query, D dimensions.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import torch

from drama.retriever.pooling import normalise


class Scored(NamedTuple):
    """Each query's drawn documents that the examples have scores for."""

    columns_BK: torch.Tensor
    """Columns of the documents."""
    scores_BK: torch.Tensor
    """The labels' scores, in their own unit; −inf after a query's last document."""


@dataclass(frozen=True)
class Pairs:
    """A batch's vectors, and which document is what to each query.

    >>> mask = torch.zeros(1, 2, dtype=torch.bool)
    >>> one = Pairs(torch.tensor([[0.0, 4.0]]), torch.eye(2), torch.tensor([1]), mask, temperature=0.5)
    >>> one.at(2).cosines_BN.tolist()
    [[0.0, 1.0]]
    """

    queries_BD: torch.Tensor
    documents_ND: torch.Tensor
    positive_B: torch.Tensor
    """Column of each query's drawn positive."""
    mask_BN: torch.Tensor
    """True where a document must not count as a negative of that query: it is another of its positives, or
    the document it was made from. The drawn positive itself is never masked."""
    temperature: float | torch.Tensor
    """Temperature of InfoNCE; a tensor where it is learnt."""
    teacher_BN: torch.Tensor | None = None
    """The teacher's cosines, for the terms that need them."""
    scored: Scored | None = None

    def at(self, dim: int | None) -> Self:
        """The same pairs with vectors cut to `dim` (None: all of them) and normalised."""
        return replace(
            self, queries_BD=normalise(self.queries_BD, dim), documents_ND=normalise(self.documents_ND, dim)
        )

    @cached_property
    def cosines_BN(self) -> torch.Tensor:  # noqa: N802
        """Dot products of all queries and documents: cosines after `at`."""
        return self.queries_BD @ self.documents_ND.T
