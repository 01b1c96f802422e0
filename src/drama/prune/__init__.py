"""Structured pruning: score, plan, slice, recover. The result is a plain transformers causal LM."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.prune.planning import planned_rounds
    from drama.prune.settings import PruneSettings
    from drama.prune.stage import prune

__all__ = ["PruneSettings", "planned_rounds", "prune"]

__getattr__ = lazy_names(__name__)
