"""Rankings of judged collections, trec_eval's measures, and the significance of differences."""

from drama.evaluate.settings import EvaluateSettings
from drama.evaluate.stage import evaluate

__all__ = ["EvaluateSettings", "evaluate"]
