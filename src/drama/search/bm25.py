"""BM25 as the field reports it: Lucene's scoring (bm25s), one field of title and text, stemmed words.

Robertson et al. 1994; Lucene's variant as in Kamphuis et al. 2020. k1 = 1.5 and b = 0.75 are bm25s's
defaults (Lù 2024). Terms are those of `drama.language.terms`.
"""

from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from typing import Any, Self

import bm25s
import numpy as np

from drama.console import track
from drama.errors import DramaError, check_list
from drama.language.detect import most_likely_language
from drama.language.terms import analyse
from drama.records import Document, Documents, Hit, ranked

K1, B = 1.5, 0.75
BM25_NAME = "bm25"
"""Its name among models, in settings and on the command line."""
_SAMPLE = 200


class BM25:
    """A sparse index in memory.

    >>> from drama.records import Document
    >>> bm25 = BM25.build([Document("a", "", "red apples"), Document("b", "", "green pears")])
    >>> [hit.document_id for hit in bm25.search(["an apple"], k=10)[0]]
    ['a']
    """

    def __init__(self, index: Any, ids: list[str], lang: str) -> None:
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

    def search(self, queries: Sequence[str], k: int) -> list[list[Hit]]:
        """The k best documents of each query; a document that shares no term with it is no hit."""
        check_list(queries, "queries")
        return [self._search(query, k) for query in queries]

    def _search(self, query: str, k: int) -> list[Hit]:
        # A term that occurs twice in the query counts twice, as in Lucene.
        known = [t for t in analyse(query, self.lang) if t in self._vocabulary]
        if not known:
            return []
        scores_N = np.zeros(len(self._ids), dtype=np.float32)
        for term, times in Counter(known).items():
            scores_N += times * self._index.get_scores([term])
        matching_M = np.flatnonzero(scores_N > 0)
        return ranked(self._ids, scores_N, k, among=matching_M)


def corpus_language(documents: Documents) -> str:
    """The most frequent language that the documents name, else what is detected in a sample."""
    step = max(1, len(documents) // _SAMPLE)
    sample = list(islice(documents, 0, None, step))
    named = Counter(d.lang for d in sample if d.lang)
    if named:
        return named.most_common(1)[0][0]
    return most_likely_language(d.full_text for d in sample)
