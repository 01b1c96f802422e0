"""Hits and runs: search results; the one place that ranks and breaks ties; TREC run files.

The order is trec_eval's, so that a run file scores the same there: it reads scores as float32 and breaks ties
by *falling* document id, compared as UTF-8 bytes, which is the order of Python's strings.

Legend: N documents, K of them ranked.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from drama.errors import FileError
from drama.files import atomic_file
from drama.files.reading import read_lines

Run = dict[str, dict[str, float]]
"""query id → document id → score."""


class Hit(NamedTuple):
    """One retrieved document; `rank` counts from 1."""

    document_id: str
    score: float
    rank: int


def rank(scores: Mapping[str, float] | Iterable[tuple[str, float]], k: int | None = None) -> list[Hit]:
    """Order by falling score in float32, ties by falling document id, and keep the first k.

    >>> [hit.document_id for hit in rank({"a": 1.0, "b": 1.0, "c": 2.0})]
    ['c', 'b', 'a']
    """
    pairs = list(scores.items() if isinstance(scores, Mapping) else scores)
    ids = [document_id for document_id, _ in pairs]
    return ranked(ids, float32([score for _, score in pairs]), k)


def ranked(
    ids: Sequence[str],
    scores_N: npt.NDArray[np.float32],
    k: int | None = None,
    among: npt.NDArray[np.int64] | None = None,
) -> list[Hit]:
    """`rank` for ids and scores that are apart, of all documents or of those in some rows (`among`)."""
    rows_K = order(ids, scores_N, k, among)
    return hits_of(ids, rows_K, scores_N[rows_K])


def hits_of(ids: "RowIds", rows_K: npt.NDArray[np.int64], scores_K: npt.NDArray[np.float32]) -> list[Hit]:
    """Hits out of documents' rows and scores that are in the order of `rank`.

    >>> hits_of(["a", "b"], np.array([1]), np.array([0.5], dtype=np.float32))
    [Hit(document_id='b', score=0.5, rank=1)]
    """
    pairs = zip(rows_K.tolist(), scores_K.tolist(), strict=True)
    return [Hit(ids[row], score, place) for place, (row, score) in enumerate(pairs, start=1)]


def order(
    ids: Sequence[str],
    scores_N: npt.NDArray[np.float32],
    k: int | None = None,
    among: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[np.int64]:
    """Rows of the documents in the order of `rank`, the first k; ids are read only where scores tie.

    >>> order(["a", "b", "c"], np.array([1.0, 1.0, 2.0], dtype=np.float32), k=2).tolist()
    [2, 1]
    """
    rows_K = np.arange(len(scores_N)) if among is None else among
    if k is not None and 0 < k < len(rows_K):  # what ties with the k-th stays in: its id may be higher
        among_N = scores_N[rows_K]
        rows_K = rows_K[among_N >= np.partition(among_N, -k)[-k]]
    rows_K = rows_K[np.argsort(-scores_N[rows_K], kind="stable")]
    sorted_K = scores_N[rows_K]
    if (sorted_K[1:] == sorted_K[:-1]).any():
        starts = np.flatnonzero(np.r_[True, sorted_K[1:] != sorted_K[:-1]]).tolist()
        for start, end in zip(starts, [*starts[1:], len(rows_K)], strict=True):
            if end - start > 1:
                rows_K[start:end] = sorted(rows_K[start:end].tolist(), key=ids.__getitem__, reverse=True)
    return rows_K[:k]


class RowIds(Protocol):
    """Ids by row: a list, or what looks them up."""

    def __getitem__(self, row: int, /) -> str: ...


class IdsOf(Sequence[str]):
    """The ids of some rows, looked up when one is asked for.

    >>> list(IdsOf(np.array([2, 0]), ["a", "b", "c"]))
    ['c', 'a']
    """

    def __init__(self, rows_N: npt.NDArray[np.int64], ids: RowIds) -> None:
        self._rows_N, self._ids = rows_N, ids

    def __len__(self) -> int:
        return len(self._rows_N)

    def __getitem__(self, place: Any) -> Any:
        return self._ids[int(self._rows_N[place])]


def float32(scores: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Scores as trec_eval reads them; what is too large for it is infinite.

    >>> float32([0.5 + 1e-12, 0.5]).tolist()
    [0.5, 0.5]
    """
    with np.errstate(over="ignore"):
        return np.asarray(scores).astype(np.float32)


def by_document(hits: Sequence[Hit], document_of: Callable[[str], str]) -> list[tuple[Hit, str]]:
    """Documents by their best passage (MaxP, Dai and Callan 2019), each with the id of that passage.

    Args:
        hits: passages, best first.
        document_of: a passage's id → its document's.

    >>> passages = rank({"a#1": 0.75, "b": 0.5, "a#2": 0.25})
    >>> found = by_document(passages, {"a#1": "a", "a#2": "a", "b": "b"}.__getitem__)
    >>> [(hit.document_id, hit.score, passage) for hit, passage in found]
    [('a', 0.75, 'a#1'), ('b', 0.5, 'b')]
    """
    best: dict[str, Hit] = {}
    for hit in hits:
        best.setdefault(document_of(hit.document_id), hit)
    ordered = rank({document: hit.score for document, hit in best.items()})
    return [(hit, best[hit.document_id].document_id) for hit in ordered]


def has_signal(found: Sequence[Hit]) -> bool:
    """Whether a ranking says anything: some documents scored higher than others, or a single one was found.

    >>> [has_signal(rank(scores)) for scores in ({"a": 1.0, "b": 0.5}, {"a": 1.0}, {"a": 1.0, "b": 1.0})]
    [True, True, False]
    """
    return len(found) == 1 or any(hit.score != found[0].score for hit in found)


def write_trec_run(path: Path, run: Mapping[str, Sequence[Hit]], tag: str) -> None:
    """Write `query Q0 document rank score tag` lines, atomically.

    Columns are separated by tabs, so that ids may contain spaces; scores are written in full, so that reading
    creates no ties.
    """
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8") as handle:
        for query_id, found in run.items():
            handle.writelines(
                f"{query_id}\tQ0\t{hit.document_id}\t{hit.rank}\t{hit.score!r}\t{tag}\n" for hit in found
            )


def read_trec_run(path: Path) -> Run:
    """Read a TREC run file, its columns separated by tabs or, as other tools write it, by spaces.

    Raises:
        FileError: missing file, not UTF-8, wrong number of columns, a score that is not a number, or a
            document that is listed twice for a query.
    """
    run: Run = {}
    for number, line in read_lines(path):
        cells = line.split("\t") if "\t" in line else line.split()
        if len(cells) != 6:
            raise FileError(path, f"expected 6 columns, found {len(cells)}", line=number)
        try:
            score = float(cells[4])
        except ValueError:
            score = math.nan
        if math.isnan(score):
            raise FileError(path, f"score '{cells[4]}' is not a number", line=number)
        found = run.setdefault(cells[0], {})
        if cells[2] in found:
            raise FileError(
                path, f"document '{cells[2]}' is listed twice for query '{cells[0]}'", line=number
            )
        found[cells[2]] = score
    return run
