"""Target: the child's shape, checked before any weights are read."""

from typing import Any, Literal

from pydantic import Field

from drama.errors import DramaError
from drama.prune.shape.shape import Shape, child_config
from drama.settings import Section

GQA = Literal["kept", "expanded"]


class ShapeSettings(Section):
    """The child's shape. A size that is not given stays the parent's."""

    layers: int | None = Field(default=None, ge=1)
    """Decoder layers."""
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
        settings: what is given.
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
    """Some config classes refuse shapes that their models could compute: Llama's a width that is not a
    multiple of its heads. Better to say so before pruning than when the child is saved.

    Raises:
        DramaError: transformers does not load the parent's config with this shape.
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
