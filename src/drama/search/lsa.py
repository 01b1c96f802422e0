"""Latent semantic analysis: a dense model fitted to the corpus itself in seconds, without any neural network.

Deerwester et al. 1990. BM25's term weights, rows of unit length, truncated SVD; a query is folded in by its
terms' inverse document frequencies. On a small corpus of one subject it is a strong retriever, and as one of
the labelling models it tells a student which words of this corpus go together.

Legend: N documents, V terms, D dimensions.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from drama.console import track
from drama.errors import DramaError
from drama.records import Document
from drama.search.analysis import analyse
from drama.search.bm25 import K1, B, corpus_language

LSA_NAME = "lsa"
"""What settings and the command line call it among model names."""
LSA_DIMENSIONS = 256
"""Of the vectors, where the corpus has more documents and terms than that."""
Array = npt.NDArray[np.float32]


class LSA:
    """An encoder for one corpus; see `retriever.Encoder` for the protocol.

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
    def build(cls, documents: Sequence[Document], dim: int = LSA_DIMENSIONS) -> Self:
        """Fit to a corpus; the width is `dim`, or less where the corpus is smaller.

        Raises:
            DramaError: fewer than three documents or different terms.
        """
        lang = corpus_language(documents) if documents else ""
        counts = [Counter(analyse(d.full_text, lang)) for d in track(documents, "lsa: documents")]
        frequency = Counter(term for each in counts for term in each)
        width = min(dim, len(documents) - 1, len(frequency) - 1)
        if width < 2:
            raise DramaError("LSA: the corpus needs at least three documents and three different terms")
        terms = {term: i for i, term in enumerate(sorted(frequency))}
        n = np.array([frequency[t] for t in terms], dtype=np.float64)
        idf_V = np.log(1 + (len(documents) - n + 0.5) / (n + 0.5)).astype(np.float32)
        length = sum(each.total() for each in counts) / len(counts)
        lsa = cls(terms, idf_V, length, np.empty((0, 0), dtype=np.float32), lang)
        weights_NV = lsa._documents(counts)
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
        """A hash of terms and axes."""
        digest = hashlib.sha256("\0".join(self._terms).encode())
        digest.update(self._axes_VD.tobytes())
        return f"lsa {digest.hexdigest()[:16]}"

    def encode_queries(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of queries [N, D]; one without a known term is zero."""
        counts = [Counter(analyse(text, self._lang)) for text in texts]
        return self._place(self._matrix(counts, lambda c: {t: self._idf_V[self._terms[t]] for t in c}), dim)

    def encode_documents(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of documents [N, D]; one without a known term is zero."""
        return self._place(self._documents([Counter(analyse(text, self._lang)) for text in texts]), dim)

    def _documents(self, counts: Sequence[Counter[str]]) -> Any:
        return self._matrix(counts, self._bm25)

    def _bm25(self, count: dict[str, int]) -> dict[str, float]:
        norm = K1 * (1 - B + B * sum(count.values()) / self._length)
        return {t: n * (K1 + 1) / (n + norm) * self._idf_V[self._terms[t]] for t, n in count.items()}

    def _matrix(self, counts: Sequence[Counter[str]], weigh: Any) -> Any:
        """Rows of unit length, [N, V] sparse."""
        rows, columns, values = [], [], []
        for row, count in enumerate(counts):
            weights = weigh({t: n for t, n in count.items() if t in self._terms})
            norm = float(np.sqrt(sum(w * w for w in weights.values()))) or 1.0
            for term, weight in weights.items():
                rows.append(row)
                columns.append(self._terms[term])
                values.append(weight / norm)
        shape = (len(counts), len(self._terms))
        return csr_matrix((np.array(values, dtype=np.float32), (rows, columns)), shape=shape)

    def _place(self, weights_NV: Any, dim: int | None) -> Array:
        if dim not in (None, self.dim):
            raise DramaError(f"lsa: no vectors of {dim} dimensions here", hint=f"it has {self.dim}")
        vectors_ND = np.asarray(weights_NV @ self._axes_VD, dtype=np.float32)
        norm_N1 = np.linalg.norm(vectors_ND, axis=1, keepdims=True)
        result: Array = vectors_ND / np.maximum(norm_N1, 1e-12)
        return result
