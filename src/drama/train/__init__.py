"""Contrastive training: from a pruned LLM and labelled examples to a retriever folder."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names
from drama.train.settings import TrainSettings

if TYPE_CHECKING:
    from drama.train.stage import train

__all__ = ["TrainSettings", "train"]

__getattr__ = lazy_names(__name__)
