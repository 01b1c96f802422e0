"""Settings of smoothing, `drama.search.smoothing`."""

from pydantic import Field

from drama.settings import Section


class SmoothingSettings(Section):
    """Documents' vectors moved towards their nearest neighbours'."""

    neighbours: int = Field(default=8, ge=1)
    """How many of the nearest documents."""
    share: float = Field(default=0.3, gt=0.0, lt=1.0)
    """Share of the neighbours' mean; the document's own vector has the rest."""
