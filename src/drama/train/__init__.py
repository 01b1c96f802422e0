"""Contrastive training: from a pruned LLM and labelled examples to a retriever folder."""

from drama.train.settings import TrainSettings
from drama.train.stage import train

__all__ = ["TrainSettings", "train"]
