"""Triplets: an LLM invents a search task and writes the query, what answers it, and what nearly does (paper,
section 3, after Wang et al. 2024, "Improving Text Embeddings with Large Language Models")."""

from drama.augment.queries.triplets.write import Triplet, write_triplets

__all__ = ["Triplet", "write_triplets"]
