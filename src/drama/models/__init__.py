"""Where models come from: a name becomes a local folder, and a folder a checked model (`drama.models.open`)."""

from drama.models.resolve import resolve

__all__ = ["resolve"]
