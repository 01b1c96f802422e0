"""All texts of a batch through the model, in passes; what does not fit into memory is computed twice.

Gradient caching (Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup"):
the vectors of a pass are computed without a graph, the loss gives their gradients, and the pass is computed
again to carry these back. Here only for the passes beyond a budget of tokens; the others keep their graph.

Legend: T texts, D dimensions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from drama.retriever import Retriever
from drama.retriever.model import length_batches

Tokens = Sequence[Sequence[int]]


class Pass(NamedTuple):
    """Texts that go through the model together."""

    rows: list[int]
    """Which texts; none: a pass for company, with a text that counts for nothing."""
    kept: bool
    """Whether its activations stay for the backward pass."""


def passes(lengths: Sequence[int], chunk_tokens: int, kept_tokens: int, padded: bool) -> list[Pass]:
    """The passes of texts of these lengths, long texts first.

    >>> passes([9, 1, 8, 3], chunk_tokens=16, kept_tokens=18, padded=True)
    [Pass(rows=[0], kept=True), Pass(rows=[2, 3], kept=False), Pass(rows=[1], kept=True)]
    """
    found, kept = [], 0
    for rows in length_batches(lengths, chunk_tokens):
        cost = computed(rows, lengths, padded)
        keep = kept + cost <= kept_tokens
        kept += cost if keep else 0
        found.append(Pass(rows, keep))
    return found


def in_step(of_all: Sequence[Sequence[Pass]], own: int) -> list[Pass]:
    """One process's passes such that all processes make as many, and keep the same ones.

    >>> in_step([[Pass([0], True), Pass([1], True)], [Pass([0, 1], True)]], own=1)
    [Pass(rows=[0, 1], kept=True), Pass(rows=[], kept=False)]
    """
    most = max(map(len, of_all))
    padded = [[*each, *[Pass([], False)] * (most - len(each))] for each in of_all]
    together = [all(each[i].kept for each in padded) for i in range(most)]
    return [Pass(p.rows, kept) for p, kept in zip(padded[own], together, strict=True)]


def computed(rows: Sequence[int], lengths: Sequence[int], padded: bool) -> int:
    """Tokens that a pass computes."""
    return len(rows) * max(lengths[row] for row in rows) if padded else sum(lengths[row] for row in rows)


class Forward:
    """One batch's forward pass and what its backward pass needs.

    Args:
        retriever: the model.
        tokens: token ids of the T texts, one at least.
        plan: the passes.
        padded: texts side by side with padding instead of end to end.

    Use: compute a loss from `vectors_TD`, call its `backward()`, then `finish()`.
    """

    def __init__(self, retriever: Retriever, tokens: Tokens, plan: Sequence[Pass], padded: bool) -> None:
        self._retriever = retriever
        self._padded = padded
        self._cached: list[tuple[Tokens, torch.Tensor]] = []
        lengths = [len(ids) for ids in tokens]
        order = [row for each in plan for row in each.rows]
        parts: list[torch.Tensor] = []
        company: list[torch.Tensor] = []
        for each in plan:
            texts = [tokens[row] for row in each.rows] or [min(tokens, key=len)]
            if each.kept:
                vectors_BD = retriever.forward(texts, padded)
            else:
                with torch.no_grad():
                    vectors_BD = retriever.forward(texts, padded)
                self._cached.append((texts, vectors_BD.requires_grad_()))
            (parts if each.rows else company).append(vectors_BD)
        self.computed_tokens = sum(computed(each.rows, lengths, padded) for each in plan if each.rows)
        """Tokens that went through the layers, with padding, without the second pass."""
        self.computed_twice = sum(len(each.rows) for each in plan if not each.kept)
        """Texts whose activations were not kept."""
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        self.vectors_TD = torch.cat(parts)[back.to(parts[0].device)]
        for vectors_BD in company:  # the gradient is 0, yet it flows: the other processes wait for it
            self.vectors_TD = self.vectors_TD + 0.0 * vectors_BD.sum()

    def finish(self) -> None:
        """Carry the gradients back through the passes whose activations were not kept."""
        for texts, leaf_BD in self._cached:
            torch.autograd.backward(self._retriever.forward(texts, self._padded), leaf_BD.grad)
