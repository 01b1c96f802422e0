"""Judged collections, trec_eval's measures, and a table that says how sure it is."""

from drama.evaluate.settings import EvaluateSettings
from drama.evaluate.stage import evaluate
from drama.records import Collection

__all__ = ["Collection", "EvaluateSettings", "evaluate"]
