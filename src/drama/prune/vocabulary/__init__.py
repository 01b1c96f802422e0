"""A smaller vocabulary for the texts at hand: which tokens stay, and a tokenizer and a model of those."""

from drama.prune.vocabulary.cut import cut_vocabulary

__all__ = ["cut_vocabulary"]
