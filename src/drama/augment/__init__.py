"""Unlabelled passages become training examples: crop or write queries, then label them with retrievers."""

from drama.augment.settings import AugmentSettings, CropSettings, LabelSettings, SynthesizeSettings
from drama.augment.stage import augment

__all__ = ["AugmentSettings", "CropSettings", "LabelSettings", "SynthesizeSettings", "augment"]
