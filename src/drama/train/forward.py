"""All texts of a batch through the model, in passes; what does not fit into memory is computed twice.

Gradient caching (Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup"):
the vectors of a pass are computed without a graph, the loss gives their gradients, and the pass is computed
again to propagate these back. Only the passes beyond a budget of tokens do this; the others keep their graph.

Legend: T texts of the batch, B of a pass, D dimensions.
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import torch

from drama.compute import World
from drama.retriever import Retriever
from drama.retriever.forward.packed import recompute_contexts
from drama.retriever.model import length_batches
from drama.train.settings import ComputeSettings

Tokens = Sequence[Sequence[int]]


def configure(retriever: Retriever, settings: ComputeSettings, lora: bool) -> None:
    """Set precision, fused layers and gradient checkpointing of a model, in place."""
    retriever.precision = settings.precision
    # LoRA's factors and sharded layers are in the modules, which fused layers bypass.
    retriever.fused = settings.fused and not lora and not settings.shard
    if settings.gradient_checkpointing:
        how = {"use_reentrant": False, "context_fn": partial(recompute_contexts, retriever.backbone)}
        retriever.backbone.gradient_checkpointing_enable(how)


class Pass(NamedTuple):
    """Texts that go through the model together."""

    rows: list[int]
    """Which texts; none: a dummy pass, with a text that counts for nothing."""
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
    """One process's passes such that all processes make the same number, and keep the same ones.

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
    """The forward pass of T texts, the same on every process, shared by all processes.

    Use: compute a loss from `vectors_TD`, call its `backward()`, then `finish()`.
    """

    def __init__(self, retriever: Retriever, tokens: Tokens, settings: ComputeSettings, world: World) -> None:
        self._retriever = retriever
        self._padded = not (settings.padding_free and retriever.packs)
        self._cached: list[tuple[Tokens, torch.Tensor]] = []
        lengths = [len(ids) for ids in tokens]
        shares = world.share(lengths)
        of_all = [
            passes([lengths[row] for row in rows], settings.chunk_tokens, settings.kept_tokens, self._padded)
            for rows in shares
        ]
        plan = in_step(of_all, world.rank) if settings.shard else of_all[world.rank]
        own = [tokens[row] for row in shares[world.rank]]
        own_lengths = [len(ids) for ids in own]
        total = sum(computed(each.rows, own_lengths, self._padded) for each in plan if each.rows)
        self.padding = 1 - sum(own_lengths) / max(1, total)
        """Share of padding among this process's tokens."""
        self.computed_twice = sum(len(each.rows) for each in plan if not each.kept)
        """Texts of this process whose activations were not kept."""
        self.vectors_TD = world.gather(self._encode(own, plan, min(tokens, key=len)), shares)

    def _encode(self, own: Tokens, plan: Sequence[Pass], dummy: Sequence[int]) -> torch.Tensor:
        """The vectors of this process's texts."""
        parts = [torch.empty(0, self._retriever.dim, device=self._retriever.backbone.device)]
        dummies: list[torch.Tensor] = []
        for each in plan:
            texts = [own[row] for row in each.rows] or [dummy]
            if each.kept:
                vectors_BD = self._retriever.forward(texts, self._padded)
            else:
                with torch.no_grad():
                    vectors_BD = self._retriever.forward(texts, self._padded)
                self._cached.append((texts, vectors_BD.requires_grad_()))
            (parts if each.rows else dummies).append(vectors_BD)
        order = torch.tensor([row for each in plan for row in each.rows], dtype=torch.long)
        vectors_TD = torch.cat(parts)[torch.argsort(order).to(parts[0].device)]
        for vectors_BD in dummies:  # the gradient is 0, yet it flows: the other processes wait for it
            vectors_TD = vectors_TD + 0.0 * vectors_BD.sum()
        return vectors_TD

    def finish(self) -> None:
        """Propagate the gradients back through the passes whose activations were not kept."""
        for texts, leaf_BD in self._cached:
            torch.autograd.backward(self._retriever.forward(texts, self._padded), leaf_BD.grad)
