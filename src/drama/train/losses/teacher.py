"""The teacher's vectors, and its space: a linear head, fitted in closed form, maps the student into it.

Legend: Q queries, N documents or texts, D the backbone's width, E the teacher's dimensions.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from drama.console import note
from drama.errors import FileError
from drama.records import Example
from drama.retriever import Retriever
from drama.retriever.head import new_head
from drama.retriever.pooling import normalise
from drama.retriever.vectors import truncate
from drama.workspace import VectorReader

_SAMPLE = 2000
_RIDGE = 0.005
_BATCH = 64


class TeacherVectors:
    """The labelling model's vectors of queries (by example id) and documents (by passage id), at unit length.
    Those of texts that it knows nothing about are zero.

    Raises:
        FileError: vectors that the examples need are missing.
    """

    def __init__(self, folder: Path, examples: Sequence[Example], documents: Iterable[str]) -> None:
        self._queries, self.queries_QE = _load(folder / "queries", [e.id for e in examples])
        self._documents, self.documents_NE = _load(folder / "documents", documents)
        self.dim: int = self.queries_QE.shape[1]
        self.rotated = False

    def known(self, examples: Sequence[Example]) -> list[Example]:
        """The examples that it can say something about: neither the query nor all positives are zero."""
        query_Q, document_N = ((v != 0).max(axis=1) for v in (self.queries_QE, self.documents_NE))
        return [
            example
            for example in examples
            if query_Q[self._queries[example.id]]
            and any(document_N[self._documents[i]] for i in example.positive_ids)
        ]

    def rotate(self, axes_EE: npt.NDArray[np.float32]) -> float:
        """Rotate all vectors, which keeps cosines; fewer columns than rows also cut them, and they are scaled
        to unit length again. Returns the share of the documents' squared length that a cut leaves."""
        cut_NE = self.documents_NE @ axes_EE
        left = float(np.square(cut_NE).sum() / max(np.square(self.documents_NE).sum(), 1e-12))
        self.queries_QE, self.documents_NE = truncate(self.queries_QE @ axes_EE, None), truncate(cut_NE, None)
        self.dim = axes_EE.shape[1]
        self.rotated = True
        return left

    def of_queries(self, examples: Sequence[Example]) -> npt.NDArray[np.float32]:
        """The vectors of the examples' queries [Q, E]."""
        return self.queries_QE[[self._queries[e.id] for e in examples]]

    def of_documents(self, ids: Sequence[str]) -> npt.NDArray[np.float32]:
        """The vectors of documents [N, E]."""
        return self.documents_NE[[self._documents[i] for i in ids]]


def enter_teacher_space(
    retriever: Retriever,
    teacher: TeacherVectors,
    examples: Sequence[Example],
    queries: list[list[int]],
    seed: int,
) -> None:
    """Rotate the teacher to the principal axes of its documents, cut to the backbone's width, and give the
    retriever a head into that space (in place of any other), fitted on a sample of the queries.
    """
    axes_EE, width = principal_axes(teacher.documents_NE), retriever.backbone.config.hidden_size
    left = teacher.rotate(axes_EE[:, :width])
    if width < len(axes_EE):
        note(
            f"train: the teacher's {len(axes_EE)} dimensions are cut to the {width} of the backbone, along "
            f"their principal axes, which hold {left:.1%} of its vectors; it was not trained at this width"
        )
    chosen = np.random.default_rng([seed, 2]).permutation(len(queries))[:_SAMPLE]
    retriever.head = None
    with torch.no_grad():
        pooled = [
            retriever.forward([queries[row] for row in chosen[start : start + _BATCH]])
            for start in range(0, len(chosen), _BATCH)
        ]
    teacher_NE = torch.from_numpy(teacher.of_queries(examples)[chosen])
    retriever.head = fit_head(torch.cat(pooled).cpu(), teacher_NE).to(retriever.backbone.device)


def principal_axes(vectors_NE: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A rotation [E, E] of the space after which the leading dimensions carry most of the vectors.

    Cosines stay; a Matryoshka cut of rotated vectors loses as little as a linear cut can.

    >>> axes = principal_axes(np.array([[0.0, 2.0], [0.0, -3.0], [0.1, 0.0]], dtype=np.float32))
    >>> np.abs(np.array([[0.0, 1.0]]) @ axes).round(3).tolist()
    [[1.0, 0.0]]
    """
    _, _, axes_EE = np.linalg.svd(vectors_NE.T @ vectors_NE)
    return np.ascontiguousarray(axes_EE.T)


def fit_head(pooled_ND: torch.Tensor, teacher_NE: torch.Tensor) -> torch.nn.Linear:
    """The head that brings the backbone's vectors nearest to the teacher's: ridge regression.

    The ridge is 0.005 of the mean eigenvalue of the backbone's second moments.
    """
    unit_ND = normalise(pooled_ND).double()
    moments_DD = unit_ND.T @ unit_ND
    width = moments_DD.shape[0]
    ridge_DD = _RIDGE * moments_DD.trace() / width * torch.eye(width, dtype=torch.float64)
    weight_DE = torch.linalg.solve(moments_DD + ridge_DD, unit_ND.T @ teacher_NE.double())
    return new_head(weight_DE.T.float())


def _load(folder: Path, wanted: Iterable[str]) -> tuple[dict[str, int], npt.NDArray[np.float32]]:
    """Id → row, and all vectors, which float16 on disk has made a little longer or shorter than 1."""
    ids, stored_NE = VectorReader(folder).load()
    rows = {i: row for row, i in enumerate(ids)}
    missing = [i for i in wanted if i not in rows]
    if missing:
        raise FileError(folder, f"{len(missing)} vectors are missing, e.g. of '{missing[0]}'")
    return rows, truncate(stored_NE, None)
