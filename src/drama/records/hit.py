"""Hits and runs: search results; the one place that ranks and breaks ties; TREC run files."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from drama.errors import FileError
from drama.files import atomic_file
from drama.text import read_lines

Run = dict[str, dict[str, float]]
"""query id → document id → score."""


class Hit(NamedTuple):
    """One retrieved document; `rank` counts from 1."""

    document_id: str
    score: float
    rank: int


def rank(scores: Mapping[str, float] | Iterable[tuple[str, float]], k: int | None = None) -> list[Hit]:
    """Order by falling score, ties by rising document id, and keep the first k.

    >>> [hit.document_id for hit in rank({"b": 1.0, "a": 1.0, "c": 2.0})]
    ['c', 'a', 'b']
    """
    pairs = scores.items() if isinstance(scores, Mapping) else scores
    ordered = sorted(pairs, key=lambda pair: (-pair[1], pair[0]))[:k]
    return [Hit(document_id, float(score), i) for i, (document_id, score) in enumerate(ordered, start=1)]


def write_trec_run(path: Path, run: Run, tag: str) -> None:
    """Write `query Q0 document rank score tag` lines, atomically.

    Columns are separated by tabs, so that ids may contain spaces; scores are written in full, so that reading
    creates no ties.
    """
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8") as handle:
        for query_id, scores in run.items():
            for hit in rank(scores):
                handle.write(f"{query_id}\tQ0\t{hit.document_id}\t{hit.rank}\t{hit.score!r}\t{tag}\n")


def read_trec_run(path: Path) -> Run:
    """Read a TREC run file, its columns separated by tabs or, as other tools write it, by spaces.

    Raises:
        FileError: missing file, not UTF-8, wrong number of columns, or a score that is not a number.
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
        run.setdefault(cells[0], {})[cells[2]] = score
    return run
