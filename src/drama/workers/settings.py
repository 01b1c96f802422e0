"""The `ray` section of a stage."""

from pydantic import Field

from drama.settings import Section


class RaySettings(Section):
    """Actors of a Ray cluster (the extra `ray`)."""

    address: str | None = None
    """Of the cluster; None: what RAY_ADDRESS says, else a cluster of this machine alone."""
    actors: int = Field(default=2, ge=1)
    cpus: float = Field(default=1.0, ge=0.0)
    """Of each actor."""
    gpus: float = Field(default=0.0, ge=0.0)
    """Of each actor."""
