"""What the evaluate stage needs."""

from drama.errors import DramaError
from drama.evaluate.settings import EvaluateSettings
from drama.search import BM25_NAME, FITTED
from drama.workspace import Needs


def needs(settings: EvaluateSettings) -> Needs:
    """The models that are loaded, and the collections.

    Raises:
        DramaError: no models, no collections, a duplicate name, or a fusion with a model that is not listed.
    """
    if not settings.models or not settings.collections:
        raise DramaError("evaluate: name at least one model and one collection")
    for field, named in (("models", settings.models), ("collections", settings.collections)):
        duplicates = [name for i, name in enumerate(named) if name in named[:i]]
        if duplicates:
            raise DramaError(f"evaluate.{field}: '{duplicates[0]}' is listed twice")
    unlisted = [m for m in settings.fusion.models if m not in settings.models or m == BM25_NAME]
    if unlisted:
        raise DramaError(f"evaluate.fusion.models: '{unlisted[0]}' is not a dense model of evaluate.models")
    return Needs(
        models=[model for model in settings.models if model not in FITTED],
        collections=[(place, settings.split) for place in settings.collections],
    )
