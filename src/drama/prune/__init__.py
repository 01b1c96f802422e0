"""Structured pruning: score, plan, slice, recover. The result is a plain transformers causal LM."""

from drama.prune.settings import CalibrationSettings, PruneSettings, RecoverySettings
from drama.prune.shape.target import planned_shape
from drama.prune.stage import prune

__all__ = ["CalibrationSettings", "PruneSettings", "RecoverySettings", "planned_shape", "prune"]
