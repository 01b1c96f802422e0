"""Shape: the five numbers of a decoder, checked before anything is computed."""

from typing import Any, NamedTuple

from transformers import AutoConfig

from drama.errors import DramaError
from drama.models import resolve
from drama.prune.families import check_family
from drama.prune.settings import PruneSettings


class Shape(NamedTuple):
    """layers × (attention of `heads` in `kv_heads` groups + MLP), on a residual stream of width `hidden`."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int

    def parameters(self, head_dim: int, vocabulary: int, tied: bool) -> tuple[int, int]:
        """(without embeddings, in all): weights of the decoder in this shape."""
        attention = self.hidden * head_dim * (2 * self.heads + 2 * self.kv_heads)
        mlp = 3 * self.hidden * self.intermediate
        body = self.layers * (attention + mlp + 2 * self.hidden) + self.hidden
        return body, body + vocabulary * self.hidden * (1 if tied else 2)


def parent_shape(config: Any) -> Shape:
    """The shape in a model's config."""
    return Shape(
        config.num_hidden_layers,
        config.hidden_size,
        config.num_attention_heads,
        config.num_key_value_heads,
        config.intermediate_size,
    )


def target_shape(settings: PruneSettings, parent: Shape) -> Shape:
    """The child's shape.

    Raises:
        DramaError: a number is above the parent's, or the heads don't divide into groups that the parent has.
    """
    target = Shape(*(getattr(settings, f) or getattr(parent, f) for f in Shape._fields))
    for field in Shape._fields:
        wanted, there = getattr(target, field), getattr(parent, field)
        if wanted > there:
            raise DramaError(
                f"prune.{field}: {wanted} is above the parent's {there}", hint="pruning only removes"
            )
    if target.heads % target.kv_heads:
        raise DramaError(
            f"prune.heads: {target.heads} query heads don't divide into {target.kv_heads} kv heads",
            hint="heads must be a multiple of kv_heads",
        )
    if target.heads // target.kv_heads > parent.heads // parent.kv_heads:
        raise DramaError(
            f"prune.heads: {target.heads // target.kv_heads} query heads a kv head wanted, the parent has "
            f"{parent.heads // parent.kv_heads}",
            hint="keep more kv_heads, or fewer heads",
        )
    return target


def planned_shape(settings: PruneSettings) -> Shape:
    """The child's shape from the parent's config alone, before any weights are read.

    Raises:
        DramaError: no such parent, one of an unknown family, or a shape that can't be cut out of it.
    """
    folder = resolve(settings.parent)
    try:
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise DramaError(f"{folder}: transformers can't read its config.json ({error})") from None
    check_family(config)
    return target_shape(settings, parent_shape(config))
