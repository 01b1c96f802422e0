"""Where models come from: a name becomes a local folder."""

from drama.models.resolve import resolve

__all__ = ["resolve"]
