"""What decides which parts stay: a registry, name → method.

A new method is a function here, (family, task) → scores, and a line in `METHODS`. The functions are loaded
when they are used, so that settings need no torch.
"""

from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING, NamedTuple

from drama.errors import DramaError
from drama.prune.shape.shape import Shape

if TYPE_CHECKING:
    from drama.prune.families import Family
    from drama.prune.methods.task import Task
    from drama.prune.scores import Scores


def _any_shape(parent: Shape, target: Shape) -> None: ...


def _smaller_shape(parent: Shape, target: Shape) -> None:
    if target == parent:
        raise DramaError(
            "prune: the shape is the parent's, and the method 'shearing' has nothing to learn",
            hint="give prune.shape.layers, hidden, heads, kv_heads or intermediate",
        )


def _layers_only(parent: Shape, target: Shape) -> None:
    for field, wanted in target._replace(layers=parent.layers)._asdict().items():
        if wanted < getattr(parent, field):
            raise DramaError(
                f"prune.shape.{field}: {wanted} is below the parent's {getattr(parent, field)}, and the "
                "method 'depth' drops layers only",
                hint=f"leave prune.shape.{field} out, or use method: importance",
            )


class Method(NamedTuple):
    """Scores for every part of a parent; the plan keeps the best of each kind."""

    scorer: str
    """module:function in this folder."""
    reads_calibration: bool = False
    """Whether it measures activations; the section `calibration` is refused otherwise."""
    learns: bool = False
    """Whether it trains masks; the section `shearing` is refused otherwise."""
    check: Callable[[Shape, Shape], None] = _any_shape
    """(parent, target): raises DramaError where the method can't reach the target."""

    def score(self, family: "Family", task: "Task") -> "Scores":
        """Importance of each part. A method that learns may change the parent's weights, and those are then
        sliced."""
        scores: Scores = resolve_name(f"{__name__}.{self.scorer}")(family, task)
        return scores


METHODS = {
    "shearing": Method("shearing.learn:learnt_masks", learns=True, check=_smaller_shape),
    "importance": Method("importance:by_activations", reads_calibration=True),
    "first": Method("importance:lowest_layers", reads_calibration=True),
    "depth": Method("importance:by_activations", reads_calibration=True, check=_layers_only),
    "uniform": Method("uniform:evenly_spaced"),
}
"""By the name in `prune.method`."""
