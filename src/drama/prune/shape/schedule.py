"""Schedule: the shapes on the way from the parent to the child, one after each round of pruning."""

from collections.abc import Callable, Sequence
from typing import Any

from drama.errors import DramaError
from drama.prune.shape.shape import Shape, child_config, parameters, parent_shape

_POINTS = 200


def round_shapes(schedule: Sequence[float], config: Any, parent: Shape, target: Shape) -> list[Shape]:
    """One shape for each share in the schedule, and the target.

    Args:
        schedule: shares of the parent's parameters without embeddings.
        config: the parent's.
        parent: shape of the model that is cut: the parent's, or that with GQA expanded.
        target: the child's shape, already checked.

    Raises:
        DramaError: a share at or below the target's own, or two rounds that would have the same shape.
    """
    count = body_parameters(config)
    whole, least = count(parent_shape(config)), count(target)
    shapes = []
    for share in schedule:
        if share * whole <= least:
            raise DramaError(
                f"prune.schedule: {share} is not above the planned shape's own share of the parent's "
                f"parameters without embeddings, {least / whole:.3f}",
                hint="the last round always reaches the shape; leave this share out, or plan a smaller one",
            )
        shapes.append(shape_between(parent, target, share * whole, count))
    shapes.append(target)
    for before, after in zip([parent, *shapes], shapes, strict=False):
        if before == after and schedule:
            raise DramaError(
                f"prune.schedule: two rounds would have the same shape, {after._asdict()}",
                hint="leave one share out",
            )
    return shapes


def shape_between(parent: Shape, target: Shape, wanted: float, count: Callable[[Shape], int]) -> Shape:
    """The shape on the straight line from parent to target whose `count` is nearest to `wanted`.

    Heads stay in equal groups, and between the ends the width is a multiple of them: Llama's and Gemma's
    config classes refuse others.
    """
    points = [_at(parent, target, step / _POINTS) for step in range(_POINTS + 1)]
    shapes = dict.fromkeys(shape for shape in points if shape is not None)
    return min(shapes, key=lambda shape: abs(count(shape) - wanted))


def _at(parent: Shape, target: Shape, share: float) -> Shape | None:
    """The shape at a share of the distance, or None where no width fits its heads."""

    def between(one: int, other: int) -> int:
        return round(one + share * (other - one))

    kv_heads = between(parent.kv_heads, target.kv_heads)
    heads = kv_heads * between(parent.heads // parent.kv_heads, target.heads // target.kv_heads)
    hidden = between(parent.hidden, target.hidden)
    if (hidden, heads) not in ((parent.hidden, parent.heads), (target.hidden, target.heads)):
        hidden = round(hidden / heads) * heads
    if not target.hidden <= hidden <= parent.hidden:
        return None
    layers, neurons = (between(getattr(parent, f), getattr(target, f)) for f in ("layers", "intermediate"))
    return Shape(layers, hidden, heads, kv_heads, neurons)


def body_parameters(config: Any) -> Callable[[Shape], int]:
    """A function: shape → parameters without embeddings of a child of the model with this config.

    All layers have the same number, so one is counted.
    """

    def count(shape: Shape) -> int:
        one = parameters(child_config(config, shape._replace(layers=1), range(1)))[0]
        return shape.layers * (one - shape.hidden) + shape.hidden

    return count
