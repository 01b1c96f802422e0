"""Names and defaults that recipes use. Imports nothing heavy, so that naming them costs nothing."""

from typing import Literal

BM25_NAME, LSA_NAME = "bm25", "lsa"
FITTED = (BM25_NAME, LSA_NAME)
"""What is fitted to the corpus and not loaded."""
FusionMethod = Literal["hybrid", "minmax", "rrf"]
HYBRID_SHARE = 0.7
"""The dense ranking's share in `hybrid`, unless another is given: measured, see docs/search.md."""
