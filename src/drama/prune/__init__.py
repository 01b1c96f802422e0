"""Structured pruning: score, plan, slice, recover. The result is a plain transformers causal LM."""

from drama.prune.settings import CalibrationSettings, PruneSettings, RecoverySettings
from drama.prune.stage import prune
from drama.prune.target import planned_shape

__all__ = ["CalibrationSettings", "PruneSettings", "RecoverySettings", "planned_shape", "prune"]
