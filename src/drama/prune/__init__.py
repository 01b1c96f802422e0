"""Structured pruning: score, plan, slice, recover. The result is a plain transformers causal LM."""

from drama.prune.planning import planned_shape
from drama.prune.settings import PruneSettings
from drama.prune.stage import prune

__all__ = ["PruneSettings", "planned_shape", "prune"]
