"""Structured pruning: score, plan, slice, recover. The result is a plain transformers causal LM."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names
from drama.prune.settings import CalibrationSettings, PruneSettings, RecoverySettings

if TYPE_CHECKING:
    from drama.prune.shape.target import planned_shape
    from drama.prune.stage import prune

__all__ = ["CalibrationSettings", "PruneSettings", "RecoverySettings", "planned_shape", "prune"]

__getattr__ = lazy_names(__name__)
