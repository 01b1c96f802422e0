"""Latent semantic analysis: a dense model fitted to the corpus itself in seconds, without any neural network.

Deerwester et al. 1990. BM25's term weights, rows of unit length, truncated SVD; a query is folded in by its
terms' inverse document frequencies. On a small corpus of one subject it is a strong retriever, and as one of
the labelling models it tells a student which words of this corpus go together.

Legend: N documents, V terms, D dimensions; a sparse matrix [N, V] is all that is kept of the texts.
"""

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from drama.console import track
from drama.errors import DramaError, check_list
from drama.language.terms import analyse
from drama.records import Document, Documents, Texts, corpus_language
from drama.retriever.vectors import Array, check_dim
from drama.search.bm25 import K1, B
from drama.search.names import LSA_NAME

LSA_DIMENSIONS = 256
"""Width of the vectors, if the corpus has more documents and terms than that."""
_ROUNDING = 1e-5
"""A unit vector that is shorter than this in the space of the axes is outside it: the rest is rounding."""


class LSA:
    """An encoder for one corpus; see `retriever.Encoder` for the protocol.

    >>> from drama.records import Document
    >>> texts = ["wings give lift", "aircraft have wings", "yeast makes bread", "bread needs flour"]
    >>> lsa = LSA.build([Document(str(i), "", text) for i, text in enumerate(texts)], dim=2)
    >>> (lsa.encode_queries(["lift"]) @ lsa.encode_documents(texts).T).argsort()[0, ::-1][:2].tolist()
    [0, 1]
    """

    name = LSA_NAME

    def __init__(self, terms: dict[str, int], idf_V: Array, length: float, axes_VD: Array, lang: str) -> None:
        self._terms = terms
        self._idf_V = idf_V
        self._length = length
        self._axes_VD = axes_VD
        self._lang = lang

    @classmethod
    def build(cls, documents: Documents, dim: int = LSA_DIMENSIONS) -> Self:
        """Fit to a corpus; the width is `dim`, or less where the corpus is smaller.

        Raises:
            DramaError: fewer than three documents or different terms.
        """
        check_list(documents, "documents", Document)
        lang = corpus_language(documents) if documents else ""
        found: dict[str, int] = {}
        texts = track(Texts(documents), "lsa: documents")
        counts_NV = _counts(texts, lang, found, new_terms=True)
        width = min(dim, len(documents) - 1, len(found) - 1)
        if width < 2:
            raise DramaError("LSA: the corpus needs at least three documents and three different terms")
        terms = {term: i for i, term in enumerate(sorted(found))}
        counts_NV = counts_NV[:, [found[term] for term in terms]]
        n_V = counts_NV.getnnz(axis=0).astype(np.float64)
        idf_V = np.log(1 + (len(documents) - n_V + 0.5) / (n_V + 0.5)).astype(np.float32)
        length = float(counts_NV.sum()) / len(documents)
        lsa = cls(terms, idf_V, length, np.empty((0, 0), dtype=np.float32), lang)
        weights_NV = lsa._of_documents(counts_NV)
        # A fixed start makes ARPACK's answer the same every time; the largest value comes first.
        start = np.random.default_rng(0).normal(size=min(weights_NV.shape)).astype(np.float32)
        _, values_D, axes_DV = svds(weights_NV, k=width, v0=start)
        lsa._axes_VD = np.ascontiguousarray(axes_DV[np.argsort(-values_D)].T, dtype=np.float32)
        return lsa

    @property
    def dim(self) -> int:
        """Full width D."""
        return int(self._axes_VD.shape[1])

    @property
    def dims(self) -> tuple[int, ...]:
        """The full width only."""
        return (self.dim,)

    @property
    def fingerprint(self) -> str:
        """A hash of what vectors are made from: terms, their weights, axes, mean length, language."""
        digest = hashlib.sha256("\0".join([self._lang, repr(self._length), *self._terms]).encode())
        digest.update(self._idf_V.tobytes())
        digest.update(self._axes_VD.tobytes())
        return f"lsa {digest.hexdigest()[:16]}"

    def encode_queries(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of queries [N, D]; one that no axis knows is zero."""
        known_NV = self._known(texts)
        known_NV.data = self._idf_V[known_NV.indices]
        return self._place(_unit(known_NV), dim)

    def encode_documents(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of documents [N, D]; one that no axis knows is zero."""
        return self._place(self._of_documents(self._known(texts)), dim)

    def _known(self, texts: Sequence[str]) -> Any:
        check_list(texts, "texts")
        return _counts(texts, self._lang, self._terms, new_terms=False)

    def _of_documents(self, counts_NV: Any) -> Any:
        """BM25's weights, rows of unit length."""
        n = counts_NV.data
        norm_N = K1 * (1 - B + B * np.asarray(counts_NV.sum(axis=1)).ravel() / self._length)
        norm = np.repeat(norm_N, np.diff(counts_NV.indptr))
        weights_NV = counts_NV.copy()
        weights_NV.data = (n * (K1 + 1) / (n + norm)).astype(np.float32) * self._idf_V[counts_NV.indices]
        return _unit(weights_NV)

    def _place(self, weights_NV: Any, dim: int | None) -> Array:
        check_dim(self.name, dim, self.dims)
        vectors_ND = np.asarray(weights_NV @ self._axes_VD, dtype=np.float32)
        norm_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
        outside_N = norm_N1[:, 0] < _ROUNDING
        result: Array = vectors_ND / np.maximum(norm_N1, _ROUNDING)
        result[outside_N] = 0.0
        return result


def _counts(texts: Iterable[str], lang: str, terms: dict[str, int], new_terms: bool) -> Any:
    """Counts of each term in each text, [N, V] sparse. A term without a column in `terms` gets the next
    one if `new_terms`, and is left out otherwise."""
    columns, counts, ends = array("i"), array("i"), array("q", [0])
    for text in texts:
        for term, count in Counter(analyse(text, lang)).items():
            column = terms.setdefault(term, len(terms)) if new_terms else terms.get(term)
            if column is not None:
                columns.append(column)
                counts.append(count)
        ends.append(len(columns))
    parts = (np.array(counts, dtype=np.int32), np.array(columns, dtype=np.int32), np.array(ends))
    return csr_matrix(parts, shape=(len(ends) - 1, len(terms)))


def _unit(weights_NV: Any) -> Any:
    """Rows of unit length; empty ones stay empty."""
    norm_N = np.sqrt(np.asarray(weights_NV.multiply(weights_NV).sum(axis=1)).ravel())
    norm_N[norm_N == 0] = 1.0
    weights_NV.data = weights_NV.data / np.repeat(norm_N, np.diff(weights_NV.indptr)).astype(np.float32)
    return weights_NV
