"""Shape: the five sizes of a decoder, read from a config and written into one."""

import copy
from collections.abc import Sequence
from typing import Any, NamedTuple


class Shape(NamedTuple):
    """`layers` × (attention with `heads` in `kv_heads` groups + MLP) on a residual stream `hidden` wide."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int


def parent_shape(config: Any) -> Shape:
    """The shape in a model's config."""
    return Shape(
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.num_key_value_heads,
        config.intermediate_size,
    )


def child_config(config: Any, target: Shape, layers: Sequence[int]) -> Any:
    """The parent's config with the target's numbers; `layers` are the parent's that stay."""
    child = copy.deepcopy(config)
    child.head_dim = head_dim_of(config)
    child.num_hidden_layers = target.layers
    child.hidden_size = target.hidden
    child.num_attention_heads = target.heads
    child.num_key_value_heads = target.kv_heads
    child.intermediate_size = target.intermediate
    if getattr(config, "layer_types", None):
        child.layer_types = [config.layer_types[layer] for layer in layers]
    return child


def parameters(config: Any) -> tuple[int, int]:
    """(without embeddings and LM head, in all): weights of a causal LM with this config; none is made."""
    import torch  # here, so that settings need neither
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    whole = sum(p.numel() for p in model.parameters())
    table = config.vocab_size * config.hidden_size
    return whole - table * (1 if config.tie_word_embeddings else 2), whole


def head_dim_of(config: Any) -> int:
    """Width of one attention head, also where the config does not give it."""
    own = getattr(config, "head_dim", None)
    return int(own or config.hidden_size // config.num_attention_heads)
