"""Rerank: an LLM orders a retriever's best hits (paper, section 3: LLM preference)."""

from drama.augment.rerank.examples import ASKED, choose, load_reranker, rerank, rerank_id
from drama.augment.rerank.methods import METHODS
from drama.augment.rerank.settings import RerankSettings

__all__ = ["ASKED", "METHODS", "RerankSettings", "choose", "load_reranker", "rerank", "rerank_id"]
