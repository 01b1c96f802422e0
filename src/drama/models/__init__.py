"""Where models come from: a name becomes a local folder in transformers' format; a device's precision."""

from drama.models.precision import Precision, resolve_precision
from drama.models.resolve import resolve

__all__ = ["Precision", "resolve", "resolve_precision"]
