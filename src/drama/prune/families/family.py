"""Family: where the parts of a decoder are, under the names that most of transformers' models share."""

from collections.abc import Sequence
from typing import Any, ClassVar, Self

from torch import nn


class Family:
    """Parts of a `…ForCausalLM`; a subclass says what differs in its models.

    Args:
        model: a causal LM whose `config.model_type` is one of `types`.
    """

    types: ClassVar[tuple[str, ...]] = ()
    """`config.model_type` of its models."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.config = model.config

    @property
    def head_dim(self) -> int:
        """Width of one attention head; never pruned, so that RoPE stays as it is."""
        return head_dim_of(self.config)

    @property
    def embedding(self) -> nn.Embedding:
        """Token embeddings."""
        table: nn.Embedding = self.model.model.embed_tokens
        return table

    @property
    def layers(self) -> Sequence[Any]:
        """The decoder layers."""
        found: Sequence[Any] = self.model.model.layers
        return found

    @property
    def final_norm(self) -> Any:
        """The norm before the LM head."""
        return self.model.model.norm

    def norms(self, layer: Any) -> tuple[Any, ...]:
        """A layer's norms over the residual width."""
        return layer.input_layernorm, layer.post_attention_layernorm

    def head_norms(self, layer: Any) -> tuple[Any, ...]:
        """A layer's norms over `head_dim`, one for all heads; they are copied whole."""
        return ()

    def writers(self, layer: Any) -> tuple[Any, Any]:
        """The modules whose outputs a layer adds to the residual stream: attention's and the MLP's."""
        return layer.self_attn.o_proj, layer.mlp.down_proj

    def scale(self, writer: Any, factor: float) -> None:
        """Multiply what a writer puts out, in its weights. Inside `torch.no_grad()`."""
        writer.weight.mul_(factor)
        if writer.bias is not None:
            writer.bias.mul_(factor)

    def mend(self, parent: Self) -> None:
        """Last step of slicing: set right in this child what depends on its width. Usually nothing does."""


def head_dim_of(config: Any) -> int:
    """Width of one attention head, from a config that may not say it."""
    own = getattr(config, "head_dim", None)
    return int(own or config.hidden_size // config.num_attention_heads)
