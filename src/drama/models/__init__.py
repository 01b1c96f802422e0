"""Where models come from: a name becomes a local folder; devices and their precision."""

from drama.models.device import default_device
from drama.models.precision import Precision, TrainPrecision, resolve_precision
from drama.models.resolve import resolve

__all__ = ["Precision", "TrainPrecision", "default_device", "resolve", "resolve_precision"]
