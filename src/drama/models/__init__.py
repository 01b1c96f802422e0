"""Where models come from: a name becomes a local folder, and `drama.models.open` opens it."""

from drama.models.resolve import resolve, resolve_local

__all__ = ["resolve", "resolve_local"]
