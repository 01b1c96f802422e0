"""Quality without judgments: pseudo-queries made from the corpus, and what to use according to them."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.evaluate.pseudo.collection import make_collection
    from drama.evaluate.pseudo.settings import QualitySettings
    from drama.evaluate.pseudo.stage import measure_quality

__all__ = ["QualitySettings", "make_collection", "measure_quality"]

__getattr__ = lazy_names(__name__)
