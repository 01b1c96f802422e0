"""Unlabelled passages become training examples: crop or write queries, label them with retrievers, and let an
LLM rerank."""

from drama.augment.settings import (
    AugmentSettings,
    CropSettings,
    LabelSettings,
    RerankSettings,
    SynthesizeSettings,
)
from drama.augment.stage import augment

__all__ = [
    "AugmentSettings",
    "CropSettings",
    "LabelSettings",
    "RerankSettings",
    "SynthesizeSettings",
    "augment",
]
