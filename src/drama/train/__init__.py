"""Contrastive training: from a pruned LLM and labelled examples to a retriever folder."""

from drama.train.settings import DistillSettings, TrainSettings
from drama.train.stage import train

__all__ = ["DistillSettings", "TrainSettings", "train"]
