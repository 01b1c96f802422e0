"""Gemma 3, text only: norms before and after attention and MLP, and embeddings scaled by √hidden.

The scale follows the width: a child of width k from a parent of width D would scale by √k. Its table is
multiplied by √(D/k), which gives the parent's embeddings again; where the LM head is the same table, the
final norm, whose factor is 1 + weight, takes the √(D/k) out of the logits.
"""

from typing import Any, Self

from drama.prune.families.family import Family


class Gemma3(Family):
    """Four norms a layer over the residual width, and Qwen3's two over `head_dim`."""

    types = ("gemma3_text",)

    def norms(self, layer: Any) -> tuple[Any, ...]:
        """Before and after attention, before and after the MLP."""
        return (
            layer.input_layernorm,
            layer.post_attention_layernorm,
            layer.pre_feedforward_layernorm,
            layer.post_feedforward_layernorm,
        )

    def head_norms(self, layer: Any) -> tuple[Any, ...]:
        """Of queries and of keys."""
        return layer.self_attn.q_norm, layer.self_attn.k_norm

    def writers(self, layer: Any) -> tuple[Any, Any]:
        """The norms after attention and after the MLP."""
        return layer.post_attention_layernorm, layer.post_feedforward_layernorm

    def scale(self, writer: Any, factor: float) -> None:
        """A norm's factor is 1 + weight."""
        writer.weight.copy_((1 + writer.weight) * factor - 1)

    def mend(self, parent: Self) -> None:
        """Give the child the parent's embeddings, and with a tied head the parent's logits."""
        if self.config.hidden_size == parent.config.hidden_size:
            return
        factor = (parent.config.hidden_size / self.config.hidden_size) ** 0.5
        self.embedding.weight.mul_(factor)
        if self.config.tie_word_embeddings:
            weight_D = self.final_norm.weight
            weight_D.copy_((1 + weight_D) / factor - 1)
