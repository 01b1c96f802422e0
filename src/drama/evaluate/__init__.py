"""Rankings of judged collections, trec_eval's measures, and the significance of differences."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.evaluate.settings import EvaluateSettings
    from drama.evaluate.stage import evaluate

__all__ = ["EvaluateSettings", "evaluate"]

__getattr__ = lazy_names(__name__)
