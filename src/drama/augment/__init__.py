"""Unlabelled passages become training examples: crop or write queries, label them with retrievers, let an LLM
rerank or write triplets, and mix what came out."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.augment.groups import show
    from drama.augment.kinds import BY_NAME, KINDS
    from drama.augment.labels.settings import LabelSettings
    from drama.augment.mixture import MixtureSettings
    from drama.augment.preferences import add_preferences
    from drama.augment.queries.synthesize import SynthesizeSettings
    from drama.augment.rerank import RerankSettings
    from drama.augment.settings import AugmentSettings
    from drama.augment.stage import augment

__all__ = [
    "BY_NAME",
    "KINDS",
    "AugmentSettings",
    "LabelSettings",
    "MixtureSettings",
    "RerankSettings",
    "SynthesizeSettings",
    "add_preferences",
    "augment",
    "show",
]

__getattr__ = lazy_names(__name__)
