"""The encoder: a decoder LLM made bidirectional, mean-pooled, normalised; its folder; encoding streams."""

from drama.retriever.encoder import Encoder, load_encoder
from drama.retriever.model import Retriever
from drama.retriever.pooling import truncate
from drama.retriever.settings import RetrieverSettings
from drama.retriever.store.blocks import Blocks
from drama.retriever.store.on_ray import SpreadEncoding
from drama.retriever.store.store import EmbeddingStore
from drama.retriever.stream import encode_corpus

__all__ = [
    "Blocks",
    "EmbeddingStore",
    "Encoder",
    "Retriever",
    "RetrieverSettings",
    "SpreadEncoding",
    "encode_corpus",
    "load_encoder",
    "truncate",
]
