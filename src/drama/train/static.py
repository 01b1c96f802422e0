"""A static student in closed form: the table whose mean token vector comes nearest to the teacher's vector.

Each document is one equation: its tf-idf weights times the table give the teacher's vector of it. Ridge
regression over all of them has one solution, found by conjugate gradients; nothing is drawn and no step is
chosen. As idf is a factor of a token's row, the plain mean of rows is a tf-idf weighting.

Legend: N documents, V tokens, E the teacher's dimensions.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, diags

from drama.console import progress
from drama.errors import FileError
from drama.records import Document, read_passages
from drama.retriever import Retriever, truncate
from drama.train.losses.teacher import principal_axes
from drama.train.static_settings import StaticSettings
from drama.workspace import VectorReader

_BLOCK = 4096
Array = npt.NDArray[np.float32]
_POWER = 1.5
"""Of idf, in the length of a token's row before anything is fitted; see docs/experiments.md, 2026-11-26."""
_TOLERANCE = 1e-3
"""Of the residual, relative to the right side."""


class Fitted(NamedTuple):
    """The table, and how it fits."""

    table_VE: Array
    """Zero for tokens that no document has."""
    cosine: float
    """Mean cosine of the documents' vectors to the teacher's."""
    documents: int


def fit_table(
    documents: Iterable[tuple[Sequence[int], Array]],
    tokens: int,
    silent: Iterable[int],
    settings: StaticSettings,
) -> Fitted:
    """The table [V, E] by ridge regression.

    Args:
        documents: token ids and the teacher's vector [E] of each.
        tokens: V.
        silent: tokens that stay zero: special ones.
        settings: the ridge.

    >>> pairs = [([0], np.float32([1, 0])), ([1], np.float32([0, 1])), ([0, 1], np.float32([0.7, 0.7]))]
    >>> fitted = fit_table(pairs, 3, [], StaticSettings(ridge=1e-4))
    >>> round(fitted.cosine, 3), fitted.table_VE[2].tolist()
    (1.0, [0.0, 0.0])
    """
    counts_NV, teacher_NE = _equations(documents, tokens, silent)
    idf_V = _idf(counts_NV) ** _POWER
    weights_NV = counts_NV @ diags(idf_V)
    length_N = np.sqrt(np.asarray(weights_NV.multiply(weights_NV).sum(axis=1)).ravel())
    weights_NV = (diags(1 / np.maximum(length_N, 1e-12)) @ weights_NV).tocsr().astype(np.float32)
    solution_VE = _ridge(weights_NV, teacher_NE, settings)
    made_NE = weights_NV @ solution_VE
    norm_N = np.linalg.norm(made_NE, axis=1) * np.linalg.norm(teacher_NE, axis=1)
    cosine_N = (made_NE * teacher_NE).sum(axis=1) / np.maximum(norm_N, 1e-12)
    return Fitted(idf_V[:, None] * solution_VE, float(cosine_N.mean()), len(teacher_NE))


def _equations(
    documents: Iterable[tuple[Sequence[int], Array]], tokens: int, silent: Iterable[int]
) -> tuple[csr_matrix, Array]:
    """How often each document has each token [N, V], and the teacher's vectors [N, E]."""
    heard_V = np.ones(tokens, dtype=bool)
    heard_V[[*silent]] = False
    columns, counts, ends, teacher = [], [], [0], []
    for ids, vector_E in documents:
        found, count = np.unique(np.asarray(ids, dtype=np.int32), return_counts=True)
        known = heard_V[found]
        columns.append(found[known])
        counts.append(count[known].astype(np.float32))
        ends.append(ends[-1] + int(known.sum()))
        teacher.append(np.asarray(vector_E, dtype=np.float32))
    parts = (np.concatenate(counts), np.concatenate(columns), np.array(ends))
    return csr_matrix(parts, shape=(len(teacher), tokens)), np.stack(teacher)


def _idf(counts_NV: Any) -> Array:
    """BM25's inverse document frequency; 0 for a token that no document has."""
    having_V, documents = np.bincount(counts_NV.indices, minlength=counts_NV.shape[1]), counts_NV.shape[0]
    idf_V = np.log(1 + (documents - having_V + 0.5) / (having_V + 0.5))
    found: Array = np.where(having_V > 0, idf_V, 0.0).astype(np.float32)
    return found


def _ridge(weights_NV: Any, teacher_NE: Array, settings: StaticSettings) -> Array:
    """The solution [V, E] of (XᵀX + ridge) W = XᵀY, by conjugate gradients from zero, all columns at once
    (Hestenes and Stiefel 1952)."""
    transposed_VN = weights_NV.T.tocsr()
    residual_VE = transposed_VN @ teacher_NE
    solution_VE, direction_VE = np.zeros_like(residual_VE), residual_VE.copy()
    square_E = np.square(residual_VE).sum(axis=0)
    enough_E = _TOLERANCE**2 * square_E
    with progress("static: ridge regression", settings.iterations) as bar:
        for _ in range(settings.iterations):
            if (square_E <= enough_E).all():
                break
            moved_VE = transposed_VN @ (weights_NV @ direction_VE) + settings.ridge * direction_VE
            step_E = square_E / np.maximum((direction_VE * moved_VE).sum(axis=0), 1e-20)
            solution_VE += step_E * direction_VE
            residual_VE -= step_E * moved_VE
            before_E, square_E = square_E, np.square(residual_VE).sum(axis=0)
            direction_VE = residual_VE + square_E / np.maximum(before_E, 1e-20) * direction_VE
            bar.advance(1)
    found: Array = solution_VE
    return found


def table_of_teacher(retriever: Retriever, passages: Path, teacher: Path, settings: StaticSettings) -> Fitted:
    """Fit the table to the teacher's vectors of the passages, which are streamed beside them.

    Raises:
        FileError: the teacher's vectors are of other passages.
    """
    reader = VectorReader(teacher / "documents")
    axes_EE = principal_axes(_sample(reader))
    documents = _documents(retriever, read_passages(passages), reader, axes_EE, settings.documents)
    silent = retriever.tokenizer.all_special_ids
    return fit_table(documents, retriever.backbone.config.vocab_size, silent, settings)


def _documents(
    retriever: Retriever, passages: Iterable[Document], reader: VectorReader, axes_EE: Array, most: int
) -> Iterator[tuple[Sequence[int], Array]]:
    """Token ids and vector of so many passages, at equal distances."""
    every = max(1, -(-len(reader) // most))
    rows = (
        (i, vector_E) for ids, part_NE in reader.shards() for i, vector_E in zip(ids, part_NE, strict=True)
    )
    pairs = islice(zip(passages, rows, strict=False), 0, None, every)
    while block := list(islice(pairs, _BLOCK)):
        for document, (i, _) in block:
            if document.id != i:
                raise FileError(reader.folder, f"the vector of '{i}' stands where '{document.id}' is")
        tokens = retriever.tokens([document.full_text for document, _ in block], "document")
        own_NE = np.stack([vector_E for _, (_, vector_E) in block]).astype(np.float32)
        vectors_NE = truncate(own_NE @ axes_EE, None)
        yield from zip(tokens, vectors_NE, strict=True)


def _sample(reader: VectorReader) -> Array:
    """The vectors of the first shard, for their principal axes."""
    _, part_NE = next(iter(reader.shards()))
    return np.asarray(part_NE, dtype=np.float32)
