"""Where models come from: a name becomes a local folder; devices and their precision."""

from drama.models.device import default_device
from drama.models.precision import Precision, resolve_precision
from drama.models.resolve import resolve

__all__ = ["Precision", "default_device", "resolve", "resolve_precision"]
