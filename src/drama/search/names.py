"""Names of what is fitted to the corpus and not loaded. Imports nothing, so that naming it costs nothing."""

BM25_NAME, LSA_NAME = "bm25", "lsa"
FITTED = (BM25_NAME, LSA_NAME)
