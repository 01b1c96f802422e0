"""All texts of a batch through the model, in chunks; what does not fit into memory is computed twice.

Gradient caching (Gao et al. 2021, "Scaling deep contrastive learning batch size under memory limited setup"):
the vectors of a chunk are computed without a graph, the loss gives their gradients, and the chunk is computed
again to carry these back. Here only for the chunks beyond a budget of tokens; the others keep their graph.

Legend: T texts, D dimensions.
"""

from collections.abc import Sequence

import torch

from drama.retriever import Retriever
from drama.retriever.model import length_batches

Tokens = Sequence[Sequence[int]]


class Forward:
    """One batch's forward pass and what its backward pass needs.

    Args:
        retriever: the model.
        tokens: token ids of the T texts.
        chunk_tokens: tokens in one pass.
        kept_tokens: tokens whose activations are kept.
        padded: side by side with padding instead of end to end.

    Use: compute a loss from `vectors_TD`, call its `backward()`, then `finish()`.
    """

    def __init__(
        self, retriever: Retriever, tokens: Tokens, chunk_tokens: int, kept_tokens: int, padded: bool
    ) -> None:
        self._retriever = retriever
        self._padded = padded
        self._cached: list[tuple[Tokens, torch.Tensor]] = []
        self.computed_tokens = 0
        """Tokens that went through the layers, with padding, without the second pass."""
        order: list[int] = []
        parts = []
        kept = 0
        for rows in length_batches([len(t) for t in tokens], chunk_tokens):
            texts = [tokens[row] for row in rows]
            cost = len(texts) * len(texts[0]) if padded else sum(map(len, texts))
            self.computed_tokens += cost
            order += rows
            if kept + cost <= kept_tokens:
                kept += cost
                parts.append(retriever.forward(texts, padded))
                continue
            with torch.no_grad():
                leaf_BD = retriever.forward(texts, padded)
            parts.append(leaf_BD.requires_grad_())
            self._cached.append((texts, leaf_BD))
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        self.vectors_TD = torch.cat(parts)[back]

    @property
    def cached_texts(self) -> int:
        """How many texts are computed twice."""
        return sum(len(texts) for texts, _ in self._cached)

    def finish(self) -> None:
        """Carry the gradients back through the chunks whose activations were not kept."""
        for texts, leaf_BD in self._cached:
            torch.autograd.backward(self._retriever.forward(texts, self._padded), leaf_BD.grad)
