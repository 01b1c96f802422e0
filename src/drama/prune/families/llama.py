"""Llama and what is built like it (SmolLM2, Llama 2 and 3, Mistral): where the parts of a model are."""

from collections.abc import Sequence
from typing import Any

from torch import nn

from drama.errors import DramaError

_TYPES = ("llama", "mistral")


class Llama:
    """Names of a Llama's parts. `model` is a `…ForCausalLM`."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.config = model.config

    @property
    def head_dim(self) -> int:
        """Width of one attention head; never pruned, so that RoPE stays as it is."""
        own = getattr(self.config, "head_dim", None)
        return int(own or self.config.hidden_size // self.config.num_attention_heads)

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

    def norms(self, layer: Any) -> tuple[Any, Any]:
        """The norms before attention and before the MLP."""
        return layer.input_layernorm, layer.post_attention_layernorm


def family_of(model: Any) -> Llama:
    """The family of a causal LM.

    Raises:
        DramaError: a family that can't be pruned yet.
    """
    check_family(model.config)
    return Llama(model)


def check_family(config: Any) -> None:
    """Raises DramaError: a model with this config can't be pruned yet."""
    kind = config.model_type
    if kind not in _TYPES:
        raise DramaError(
            f"prune: models of type '{kind}' can't be pruned yet", hint=f"known types: {', '.join(_TYPES)}"
        )
    if getattr(config, "attention_bias", False) or getattr(config, "mlp_bias", False):
        raise DramaError("prune: Llama models with biases can't be pruned yet")
