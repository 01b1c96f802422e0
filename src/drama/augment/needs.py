"""What the augment stage needs."""

from drama.augment.settings import AugmentSettings
from drama.workspace import Needs


def needs(settings: AugmentSettings) -> Needs:
    """The models that label and write, Ray, and the judgments of supervised sets."""
    return Needs(
        models=settings.models(),
        extras=[("ray", "ray")] if settings.ray is not None else [],
        judgments=[(place, settings.supervised.split) for place in settings.supervised.collections],
    )
