"""Rerank: an LLM orders a retriever's best hits (paper, section 3: LLM preference)."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.augment.rerank.examples import ASKED, choose, load_reranker, rerank, rerank_id
    from drama.augment.rerank.methods import METHODS
    from drama.augment.rerank.settings import RerankSettings

__all__ = ["ASKED", "METHODS", "RerankSettings", "choose", "load_reranker", "rerank", "rerank_id"]

__getattr__ = lazy_names(__name__)
