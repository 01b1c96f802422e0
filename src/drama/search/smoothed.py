"""BM25 smoothed over a document's neighbours: what the neighbours say counts as said by the document too.

Source: arXiv 2409.05882; the neighbours are LSA's here.
"""

from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from drama.console import progress
from drama.errors import check_list
from drama.records import Documents, Hit, Texts, ranked
from drama.search.bm25 import BM25
from drama.search.lsa import LSA
from drama.search.smoothing import nearest

SMOOTHED_BM25_NAME = "bm25-smoothed"
_BLOCK = 1024


class SmoothedBM25:
    """share · BM25 of the document + (1 − share) · mean BM25 of its nearest documents by LSA.

    >>> from drama.records import Document
    >>> texts = ["wings give lift", "aircraft have wings", "yeast makes bread", "bread needs flour"]
    >>> found = SmoothedBM25.build([Document(str(i), "", text) for i, text in enumerate(texts)], neighbours=1)
    >>> [hit.document_id for hit in found.search(["lift"], k=2)[0]]
    ['0', '1']
    """

    def __init__(self, bm25: BM25, ids: list[str], near_NK: npt.NDArray[np.int64], share: float) -> None:
        self._bm25, self._ids, self._near_NK, self._share = bm25, ids, near_NK, share

    @classmethod
    def build(cls, documents: Documents, neighbours: int = 8, share: float = 0.7) -> Self:
        """Index documents, and find the nearest of each.

        Raises:
            DramaError: what `BM25.build` and `LSA.build` raise.
        """
        lsa = LSA.build(documents)
        vectors_ND = lsa.encode_documents(list(Texts(documents)))
        count = min(neighbours, len(vectors_ND) - 1)
        near_NK = []
        with progress("neighbours", len(vectors_ND)) as bar:
            for start in range(0, len(vectors_ND), _BLOCK):
                block_BD = vectors_ND[start : start + _BLOCK]
                near_NK.append(nearest(vectors_ND, block_BD, start, count))
                bar.advance(len(block_BD))
        ids = [d.id for d in documents]
        return cls(BM25.build(documents), ids, np.concatenate(near_NK), share)

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """The k best documents of each query; one that shares no term with it, nor do its neighbours, is no
        hit."""
        check_list(queries, "queries")
        return [self._search(query, k) for query in queries]

    def _search(self, query: str, k: int) -> list[Hit]:
        own_N = self._bm25.scores(query)
        smoothed_N = self._share * own_N + (1 - self._share) * own_N[self._near_NK].mean(axis=1)
        return ranked(self._ids, smoothed_N.astype(np.float32), k, among=np.flatnonzero(smoothed_N > 0))
