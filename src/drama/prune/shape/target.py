"""Target: the child's shape, checked before any weights are read."""

from typing import Any

from transformers import AutoConfig

from drama.errors import DramaError
from drama.models import resolve
from drama.prune.families import check_family
from drama.prune.methods import METHODS
from drama.prune.settings import PruneSettings
from drama.prune.shape.budget import with_budget
from drama.prune.shape.rounds import round_shapes
from drama.prune.shape.shape import Shape, child_config, parent_shape


def target_shape(settings: PruneSettings, config: Any) -> Shape:
    """The child's shape.

    Args:
        settings: the recipe's `prune` section.
        config: the parent's.

    Raises:
        DramaError: a number is above the parent's, the heads don't divide into groups that the parent has,
            the method can't reach it, or transformers would not load a model of this shape.
    """
    parent = parent_shape(config)
    target = Shape(*(getattr(settings, f) or getattr(parent, f) for f in Shape._fields))
    if settings.gqa == "expanded":
        if settings.kv_heads not in (None, target.heads):
            raise DramaError(
                f"prune.kv_heads: {settings.kv_heads}, but gqa: expanded gives each of the "
                f"{target.heads} heads its own",
                hint="leave prune.kv_heads out, or take gqa: kept",
            )
        parent, target = (shape._replace(kv_heads=shape.heads) for shape in (parent, target))
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
    METHODS[settings.method].check(parent, target)
    _check_loads(config, target)
    return target


def planned_shape(settings: PruneSettings) -> Shape:
    """The child's shape from the parent's config alone; raises what `planned_rounds` raises."""
    return planned_rounds(settings)[-1]


def planned_rounds(settings: PruneSettings) -> list[Shape]:
    """The shape after each round, the child's last, from the parent's config alone.

    Raises:
        DramaError: no such parent, one of an unknown family, a shape that can't be cut out of it, a
            schedule that does not lead there, or too few tokens for it.
    """
    folder = resolve(settings.parent)
    try:
        config = AutoConfig.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise DramaError(f"{folder}: transformers can't read its config.json ({error})") from None
    check_family(config)
    shapes = round_shapes(settings, config, target_shape(settings, config))
    with_budget(settings, len(shapes))
    return shapes


def _check_loads(config: Any, target: Shape) -> None:
    """Some config classes refuse shapes that their models could compute: Llama's a width that is no multiple
    of its heads. Better told now than when the child is saved."""
    values = child_config(config, target, range(target.layers)).to_dict()
    try:
        type(config).from_dict(values)
    except Exception as error:  # huggingface_hub's own class, no ValueError
        reason = str(error).splitlines()[-1].strip().removeprefix("ValueError: ")
        raise DramaError(
            f"prune: transformers does not load a {config.model_type} model of this shape ({reason})",
            hint="choose another prune.hidden or prune.heads",
        ) from None
