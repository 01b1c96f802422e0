"""Plans the rounds and their updates from the settings and the parent's config, without its weights."""

from typing import Any

from drama.errors import DramaError
from drama.models import resolve
from drama.models.open import open_config
from drama.prune.encoder import encoder_shape, is_encoder
from drama.prune.families import check_family
from drama.prune.methods import METHODS
from drama.prune.settings import PruneSettings
from drama.prune.shape.schedule import round_shapes
from drama.prune.shape.shape import Shape, check_loads, parent_shape, target_shape
from drama.prune.static import static_shape


def planned_rounds(settings: PruneSettings) -> list[Shape]:
    """The shape after each round, the child's last, from the parent's config alone.

    Raises:
        DramaError: no such parent, an architecture that can't be pruned, a shape that can't be cut out of
            it, a schedule that does not lead there, or too few tokens for it.
    """
    config = open_config(resolve(settings.parent))
    if settings.shape.layers == 0:
        return [static_shape(settings, config)]
    if is_encoder(config):
        return [encoder_shape(settings, config)]
    shapes = shapes_of_rounds(settings, config)
    longest = config.max_position_embeddings
    if settings.recovery.max_length > longest:
        raise DramaError(
            f"prune.recovery.max_length {settings.recovery.max_length}: the parent has no such positions",
            hint=f"give at most {longest}",
        )
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


def with_budget(settings: PruneSettings, rounds: int = 1, calibration: int = 0) -> PruneSettings:
    """The section with the steps that `tokens` pays for in each round, and without `tokens`; unchanged where
    there is no `tokens`.

    Args:
        settings: the recipe's `prune` section.
        rounds: number of rounds, which share the tokens equally.
        calibration: tokens that scoring reads in each round.

    Raises:
        DramaError: a round's tokens are too few for one update of every kind.

    >>> paid = with_budget(PruneSettings(method="shearing", tokens=8192), rounds=2)
    >>> paid.shearing.steps, paid.recovery.steps
    (2, 6)
    """
    if settings.tokens is None:
        return settings
    length, learns = settings.recovery.max_length, METHODS[settings.method].learns
    learning_step = settings.shearing.batch_size * length if learns else 0
    recovery_step = settings.recovery.batch_size * length
    own = settings.tokens // rounds
    learning = round(settings.shearing.share_of_tokens * own / learning_step) if learns else 0
    recovery = (own - calibration - learning * learning_step) // recovery_step
    if recovery < 1 or (learns and learning < 1):
        kinds = [("calibration", calibration), ("an update of masks", learning_step)]
        costs = ", ".join(f"{cost} for {name}" for name, cost in kinds if cost)
        raise DramaError(
            f"prune.tokens: {settings.tokens} in {rounds} round(s) are too few; a round needs "
            f"{recovery_step} for an update of recovery{', ' + costs if costs else ''}"
            + (f", which may take {settings.shearing.share_of_tokens:.0%}" if learns else ""),
            hint="raise prune.tokens, or lower prune.recovery.max_length or batch_size",
        )
    steps: dict[str, Any] = {"recovery": settings.recovery.model_copy(update={"steps": recovery})}
    if learns:
        steps["shearing"] = settings.shearing.model_copy(update={"steps": learning})
    return settings.model_copy(update={"tokens": None, **steps})
