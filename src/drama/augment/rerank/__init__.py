"""Rerank: an LLM orders a retriever's best hits (paper, section 3: LLM preference)."""

from drama.augment.rerank.choose import choose, load_reranker
from drama.augment.rerank.examples import rerank_examples, rerank_id

__all__ = ["choose", "load_reranker", "rerank_examples", "rerank_id"]
