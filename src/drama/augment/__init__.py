"""Unlabelled passages become training examples: crop or write queries, label them with retrievers, let an LLM
rerank or write triplets, and mix what came out."""

from typing import TYPE_CHECKING

from drama.augment.describe import Group, describe
from drama.augment.preferences import add_preferences
from drama.augment.settings import (
    AugmentSettings,
    CropSettings,
    LabelSettings,
    MixtureSettings,
    RerankSettings,
    SupervisedSettings,
    SynthesizeSettings,
    TripletSettings,
)
from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.augment.queries.supervised import supervised_files
    from drama.augment.stage import augment

__all__ = [
    "AugmentSettings",
    "CropSettings",
    "Group",
    "LabelSettings",
    "MixtureSettings",
    "RerankSettings",
    "SupervisedSettings",
    "SynthesizeSettings",
    "TripletSettings",
    "add_preferences",
    "augment",
    "describe",
    "supervised_files",
]

__getattr__ = lazy_names(__name__)
