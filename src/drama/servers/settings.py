"""How requests are sent to a server."""

from typing import Annotated

from pydantic import Field

from drama.settings import Section

NonNegative = Annotated[float, Field(ge=0)]


class ServerSettings(Section):
    """How requests are sent to a server."""

    concurrency: int = Field(default=8, ge=1)
    """Requests at once."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    """None sets no limit. The server's own limit (status 429) is always found and kept to."""
    timeout: float = Field(default=120.0, gt=0)
    """Seconds without a byte from the server until a request counts as failed."""
    retries: int = Field(default=5, ge=0)
    """Retries of a request that fails at the server: a time-out, a broken connection, or status 408, 425,
    500, 504."""
    patience: float = Field(default=15.0, ge=0)
    """Minutes to wait for a server that answers nothing: no connection, or status 429, 502, 503, 529. These
    cost no retry."""
    backoff: float = Field(default=1.0, ge=0)
    """Seconds before the first retry, doubled each time. A longer Retry-After with status
    429, 502, 503 or 529 is honoured."""
    prices: tuple[NonNegative, NonNegative] | None = None
    """Prices per million tokens of prompts and of answers, in any currency, for the figure `cost`."""
