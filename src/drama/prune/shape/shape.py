"""Shape: the five sizes of a decoder; a parent's, and the child's, checked before any weights are read."""

import copy
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from pydantic import Field

from drama.errors import DramaError
from drama.settings import Section

GQA = Literal["kept", "expanded"]


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
        getattr(config, "num_key_value_heads", config.num_attention_heads),  # an encoder has no groups
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


class ShapeSettings(Section):
    """The child's shape. A size that is not given stays the parent's."""

    layers: int | None = Field(default=None, ge=0)
    """Layers. 0: only the table of token embeddings stays, and `method` is `first`."""
    hidden: int | None = Field(default=None, ge=1)
    """Width of the residual stream."""
    heads: int | None = Field(default=None, ge=1)
    """Query heads."""
    kv_heads: int | None = Field(default=None, ge=1)
    """Key-value heads."""
    intermediate: int | None = Field(default=None, ge=1)
    """MLP neurons."""


def target_shape(settings: ShapeSettings, parent: Shape, gqa: GQA) -> Shape:
    """The child's shape.

    Args:
        settings: the section `prune.shape`.
        parent: shape of the model that is cut; with `gqa` expanded it has as many kv heads as heads.
        gqa: whether kv groups stay, or every query head has its own kv head.

    Raises:
        DramaError: a number is above the parent's, or the heads don't divide into groups that the parent
            has.
    """
    target = Shape(*(getattr(settings, f) or getattr(parent, f) for f in Shape._fields))
    if gqa == "expanded":
        if settings.kv_heads not in (None, target.heads):
            raise DramaError(
                f"prune.shape.kv_heads: {settings.kv_heads}, but gqa: expanded gives each of the "
                f"{target.heads} heads its own",
                hint="leave prune.shape.kv_heads out, or use gqa: kept",
            )
        target = target._replace(kv_heads=target.heads)
    for field in Shape._fields:
        wanted, available = getattr(target, field), getattr(parent, field)
        if wanted > available:
            raise DramaError(
                f"prune.shape.{field}: {wanted} is above the parent's {available}",
                hint="pruning only removes",
            )
    if target.heads % target.kv_heads:
        raise DramaError(
            f"prune.shape.heads: {target.heads} query heads don't divide into {target.kv_heads} kv heads",
            hint="heads must be a multiple of kv_heads",
        )
    if target.heads // target.kv_heads > parent.heads // parent.kv_heads:
        raise DramaError(
            f"prune.shape.heads: {target.heads // target.kv_heads} query heads a kv head requested, the "
            f"parent has {parent.heads // parent.kv_heads}",
            hint="keep more kv_heads, or fewer heads",
        )
    return target


def check_loads(config: Any, target: Shape) -> None:
    """Refuse a shape that the parent's config class does not load, before pruning and not when the child is
    saved. Llama's refuses a width that is not a multiple of its heads, though its model could compute it.
    """
    values = child_config(config, target, range(target.layers)).to_dict()
    try:
        type(config).from_dict(values)
    except Exception as error:  # huggingface_hub's own class, not a ValueError
        reason = str(error).splitlines()[-1].strip().removeprefix("ValueError: ")
        raise DramaError(
            f"prune: transformers does not load a {config.model_type} model of this shape ({reason})",
            hint="choose another prune.shape.hidden or prune.shape.heads",
        ) from None
