"""The encoder: a decoder LLM made bidirectional, mean-pooled, normalised; its folder; the embedding store."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names
from drama.retriever.encoder import Encoder, load_encoder
from drama.retriever.settings import RetrieverSettings
from drama.retriever.store.store import EmbeddingStore, RayEncoding
from drama.retriever.vectors import Blocks, check_dim, truncate

if TYPE_CHECKING:
    from drama.retriever.model import Retriever

__all__ = [
    "Blocks",
    "EmbeddingStore",
    "Encoder",
    "RayEncoding",
    "Retriever",
    "RetrieverSettings",
    "check_dim",
    "load_encoder",
    "truncate",
]

__getattr__ = lazy_names(__name__)
