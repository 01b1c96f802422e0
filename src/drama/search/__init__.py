"""Finding documents: BM25, LSA, exact dense search, fusion, and the index folder."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names
from drama.search.names import BM25_NAME, FITTED, HYBRID_SHARE, LSA_NAME, FusionMethod
from drama.search.smoothing_settings import SmoothingSettings

if TYPE_CHECKING:
    from drama.search.bm25 import BM25
    from drama.search.encode import encode_for_index
    from drama.search.fusion import fuse, hybrid
    from drama.search.index import Found, Index, build_index
    from drama.search.indexes.exact import exact_search
    from drama.search.lsa import LSA, LSA_DIMENSIONS
    from drama.search.smoothing import smooth

__all__ = [
    "BM25",
    "BM25_NAME",
    "FITTED",
    "HYBRID_SHARE",
    "LSA",
    "LSA_DIMENSIONS",
    "LSA_NAME",
    "Found",
    "FusionMethod",
    "Index",
    "SmoothingSettings",
    "build_index",
    "encode_for_index",
    "exact_search",
    "fuse",
    "hybrid",
    "smooth",
]

__getattr__ = lazy_names(__name__)
