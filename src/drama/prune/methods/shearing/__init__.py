"""Sheared LLaMA (arXiv 2310.06694): masks and weights learnt together, under a constraint on the masks."""

from drama.prune.methods.shearing.learn import Shearing

__all__ = ["Shearing"]
