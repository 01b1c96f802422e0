"""Families: where the parts of a decoder are, and what differs between models.

`drama.models.architectures` says which family each architecture belongs to. A new family is a class here.
"""

from typing import Any, Self

from drama.errors import DramaError
from drama.models.architectures import ARCHITECTURES, architecture
from drama.prune.shape.shape import head_dim_of


class Family:
    """The parts of a `…ForCausalLM` that is built like Llama: two norms a layer, biases where it has them."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.config = model.config

    @property
    def head_dim(self) -> int:
        """Width of one attention head; never pruned, so that RoPE stays as it is."""
        return head_dim_of(self.config)

    @property
    def embedding(self) -> Any:
        """The module of token embeddings."""
        return self.model.model.embed_tokens

    @property
    def layers(self) -> Any:
        """The sequence of decoder layers."""
        return self.model.model.layers

    @property
    def final_norm(self) -> Any:
        """The norm before the LM head."""
        return self.model.model.norm

    def norms(self, layer: Any) -> tuple[Any, ...]:
        """A layer's norms over the residual width."""
        return layer.input_layernorm, layer.post_attention_layernorm

    def head_norms(self, layer: Any) -> tuple[Any, ...]:
        """A layer's norms over `head_dim`, shared by all heads; they are copied whole."""
        return ()

    def writers(self, layer: Any) -> tuple[Any, Any]:
        """The modules whose outputs a layer adds to the residual stream: attention's and the MLP's."""
        return layer.self_attn.o_proj, layer.mlp.down_proj

    def scale(self, writer: Any, factor: float) -> None:
        """Multiply the output of a writer by a factor, in its weights. Inside `torch.no_grad()`."""
        writer.weight.mul_(factor)
        if writer.bias is not None:
            writer.bias.mul_(factor)

    def correct_width(self, parent: Self) -> None:
        """Last step of slicing: correct what depends on the child's width. Usually nothing does."""


class Qwen3(Family):
    """Queries and keys go through a norm over `head_dim` before RoPE."""

    def head_norms(self, layer: Any) -> tuple[Any, ...]:
        """The norms of queries and keys."""
        return layer.self_attn.q_norm, layer.self_attn.k_norm


class Gemma3(Qwen3):
    """Gemma 3, text only: norms before and after attention and MLP, and embeddings scaled by √hidden.

    The scale follows the width: a child of width k from a parent of width D would scale by √k. Its table is
    multiplied by √(D/k), which gives the parent's embeddings again. Where the LM head is the same table, the
    final norm, whose factor is 1 + weight, takes the √(D/k) out of the logits.
    """

    def norms(self, layer: Any) -> tuple[Any, ...]:
        """The norms before and after attention, before and after the MLP."""
        return (
            layer.input_layernorm,
            layer.post_attention_layernorm,
            layer.pre_feedforward_layernorm,
            layer.post_feedforward_layernorm,
        )

    def writers(self, layer: Any) -> tuple[Any, Any]:
        """The norms after attention and after the MLP."""
        return layer.post_attention_layernorm, layer.post_feedforward_layernorm

    def scale(self, writer: Any, factor: float) -> None:
        """A norm's factor is 1 + weight."""
        writer.weight.copy_((1 + writer.weight) * factor - 1)

    def correct_width(self, parent: Self) -> None:
        """Give the child the parent's embeddings, and with a tied head the parent's logits."""
        if self.config.hidden_size == parent.config.hidden_size:
            return
        factor = (parent.config.hidden_size / self.config.hidden_size) ** 0.5
        self.embedding.weight.mul_(factor)
        if self.config.tie_word_embeddings:
            weight_D = self.final_norm.weight
            weight_D.copy_((1 + weight_D) / factor - 1)


FAMILIES: dict[str, type[Family]] = {"llama": Family, "qwen3": Qwen3, "gemma3": Gemma3}
"""By the name that `drama.models.architectures` uses."""


def family_of(model: Any) -> Family:
    """The parts of a causal LM; raises what `check_family` raises."""
    return check_family(model.config)(model)


def check_family(config: Any) -> type[Family]:
    """The family of the model that a config describes.

    Raises:
        DramaError: its architecture can't be pruned.
    """
    name = architecture(config).pruned_as
    if name is None:
        known = ", ".join(t for t, each in ARCHITECTURES.items() if each.pruned_as is not None)
        raise DramaError(
            f"prune: models of type '{config.model_type}' can't be pruned yet", hint=f"known types: {known}"
        )
    return FAMILIES[name]
