"""Finding documents: BM25, exact dense search, fusion, and the index folder."""

from drama.search.bm25 import BM25, BM25_NAME
from drama.search.exact import exact_search
from drama.search.fusion import FusionMethod, fuse
from drama.search.index import Found, Index, build_index, encode_for_index

__all__ = [
    "BM25",
    "BM25_NAME",
    "Found",
    "FusionMethod",
    "Index",
    "build_index",
    "encode_for_index",
    "exact_search",
    "fuse",
]
