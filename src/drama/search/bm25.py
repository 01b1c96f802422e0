"""BM25 as the field reports it: Lucene's scoring (bm25s), one field of title and text, stemmed words.

Robertson et al. 1994; Lucene's variant as in Kamphuis et al. 2020. k1 = 1.5 and b = 0.75 are bm25s's
defaults (Lù 2024). Terms are those of `drama.language.terms`.
"""

import math
from array import array
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import bm25s
import numpy as np
import numpy.typing as npt

from drama.console import track
from drama.errors import DramaError, check_list
from drama.files import read_json, write_json
from drama.language.terms import analyse
from drama.records import Document, Documents, Hit, corpus_language
from drama.records.hit import hits_of, order

K1, B = 1.5, 0.75
_LANGUAGE = "language.json"


class BM25:
    """A sparse index in memory.

    >>> from drama.records import Document
    >>> bm25 = BM25.build([Document("a", "", "red apples"), Document("b", "", "green pears")])
    >>> [hit.document_id for hit in bm25.search(["an apple"], k=10)[0]]
    ['a']
    """

    def __init__(self, index: Any, ids: Sequence[str], lang: str) -> None:
        self._index = index
        self._ids = ids
        self._vocabulary: dict[str, int] = index.vocab_dict
        self.lang = lang
        self.about = f"bm25 k1={index.k1} b={index.b} lang={lang or 'unknown'}"
        """Parameters and language, for a result's provenance."""

    @classmethod
    def build(cls, documents: Documents, k1: float = K1, b: float = B) -> Self:
        """Index documents; the language is theirs, or detected where they name none.

        Raises:
            DramaError: there are no documents, or not one of them holds a word.
        """
        check_list(documents, "documents", Document)
        if not documents:
            raise DramaError("BM25: the corpus holds no documents")
        lang = corpus_language(documents)
        ids: list[str] = []
        numbers: dict[str, int] = {}  # of the terms
        terms: list[array[int]] = []  # four bytes a word, where a list of strings takes sixty
        for document in track(documents, "bm25: documents"):
            ids.append(document.id)
            found = analyse(document.full_text, lang)
            terms.append(array("i", (numbers.setdefault(term, len(numbers)) for term in found)))
        if not numbers:
            raise DramaError("BM25: no document of the corpus holds a word")
        index = bm25s.BM25(k1=k1, b=b, method="lucene")
        index.index((terms, numbers), show_progress=False)
        return cls(index, ids, lang)

    def save(self, folder: Path) -> None:
        """Write the index into an empty folder, without the documents' ids."""
        self._index.save(folder, show_progress=False)
        write_json(folder / _LANGUAGE, {"lang": self.lang})

    @classmethod
    def load(cls, folder: Path, ids: Sequence[str]) -> Self:
        """Map an index that `save` wrote into memory.

        Args:
            folder: of the index.
            ids: of the documents, in their order.
        """
        index = bm25s.BM25.load(folder, mmap=True, show_progress=False, verbosity=0)
        return cls(index, ids, read_json(folder / _LANGUAGE)["lang"])

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """The k best documents of each query; a document that shares no term with it is no hit."""
        check_list(queries, "queries")
        return [hits_of(self._ids, *self.best(query, k)) for query in queries]

    def bounds(self, queries: Sequence[str]) -> list[float]:
        """The score of each query that no document can exceed: its terms' inverse document frequencies, since
        Lucene's weight of a term in a document is below 1. A query without a known term has 0.

        >>> from drama.records import Document
        >>> bm25 = BM25.build([Document("a", "", "red apples"), Document("b", "", "green pears")])
        >>> bm25.search(["apples"], k=1)[0][0].score < bm25.bounds(["apples"])[0]
        True
        """
        check_list(queries, "queries")
        found = ((t for t in analyse(query, self.lang) if t in self._vocabulary) for query in queries)
        return [float(sum(self._idf(self._vocabulary[term]) for term in terms)) for terms in found]

    def _idf(self, term: int) -> float:
        """A term's inverse document frequency."""
        start, end = self._index.scores["indptr"][term : term + 2]
        documents = int(end) - int(start)
        return math.log(1 + (len(self._ids) - documents + 0.5) / (documents + 0.5))

    def scores(self, query: str) -> npt.NDArray[np.float32]:
        """The score of every document [N], 0 where it shares no term with the query."""
        scores_N = np.zeros(len(self._ids), dtype=np.float32)
        # A term that occurs twice in the query counts twice, as in Lucene.
        for term, times in Counter(t for t in analyse(query, self.lang) if t in self._vocabulary).items():
            scores_N += times * self._index.get_scores([term])
        return scores_N

    def best(self, query: str, k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """What `search` finds for one query: documents' rows [K], and their scores."""
        scores_N = self.scores(query)
        rows_K = order(self._ids, scores_N, k, among=np.flatnonzero(scores_N > 0))
        return rows_K, scores_N[rows_K]
