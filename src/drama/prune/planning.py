"""Plans the rounds from the settings and the parent's config, before any weights are read."""

from typing import Any

from drama.models import resolve
from drama.prune.budget import with_budget
from drama.prune.families import check_family
from drama.prune.load import load_config
from drama.prune.methods import METHODS
from drama.prune.settings import PruneSettings
from drama.prune.shape.schedule import round_shapes
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.shape.target import check_loads, target_shape


def planned_rounds(settings: PruneSettings) -> list[Shape]:
    """The shape after each round, the child's last, from the parent's config alone.

    Raises:
        DramaError: no such parent, an architecture that can't be pruned, a shape that can't be cut out of
            it, a schedule that does not lead there, or too few tokens for it.
    """
    shapes = shapes_of_rounds(settings, load_config(resolve(settings.parent)))
    with_budget(settings, len(shapes))
    return shapes


def shapes_of_rounds(settings: PruneSettings, config: Any) -> list[Shape]:
    """The same for a parent with this config, whatever the tokens."""
    check_family(config)
    parent = parent_shape(config)
    if settings.gqa == "expanded":
        parent = parent._replace(kv_heads=parent.heads)
    target = target_shape(settings.shape, parent, settings.gqa)
    METHODS[settings.method].check(parent, target)
    check_loads(config, target)
    return round_shapes(settings.schedule, config, parent, target)
