"""Batches as a function of (seed, step): nothing to store for a resume, the same on every machine.

Each pass over the examples is one permutation. At each visit one positive and some hard negatives are
drawn afresh. A document that several queries share stands in the batch once.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drama.records import Example


class Batch(NamedTuple):
    """One step's work. B queries, N documents."""

    examples: list[int]
    """Rows of the examples, [B]."""
    documents: list[str]
    """Ids of the batch's documents, each once, [N]."""
    positive_B: npt.NDArray[np.int64]
    """Column of each query's drawn positive."""
    mask_BN: npt.NDArray[np.bool_]
    """True where a document must not be a negative of that query: false negatives known by id."""


def draw_batch(examples: Sequence[Example], batch_size: int, negatives: int, seed: int, step: int) -> Batch:
    """The batch of one step.

    >>> e = [Example(f"q{i}", f"{i}?", [f"d{i}"], ["d9"], [], [], "sent", origin=f"d{i}") for i in range(4)]
    >>> batch = draw_batch(e, batch_size=2, negatives=1, seed=0, step=0)
    >>> len(batch.documents), bool(batch.mask_BN.any())
    (3, False)
    """
    rows = _rows(len(examples), batch_size, seed, step)
    rng = np.random.default_rng([seed, 1, step])
    columns: dict[str, int] = {}
    positives = []
    for row in rows:
        example = examples[row]
        drawn = example.positive_ids[rng.integers(len(example.positive_ids))]
        positives.append(columns.setdefault(drawn, len(columns)))
        hard = min(negatives, len(example.negative_ids))
        for pick in rng.choice(len(example.negative_ids), size=hard, replace=False) if hard else ():
            columns.setdefault(example.negative_ids[pick], len(columns))
    # Two rows of one query (one labelled by retrievers, one reranked) know each other's positives.
    known: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        known[examples[row].query] += [*examples[row].positive_ids, examples[row].origin]
    mask_BN = np.zeros((len(rows), len(columns)), dtype=bool)
    for b, row in enumerate(rows):
        for document in known[examples[row].query]:
            column = columns.get(document)
            if column is not None and column != positives[b]:
                mask_BN[b, column] = True
    return Batch(rows, list(columns), np.array(positives, dtype=np.int64), mask_BN)


def _rows(total: int, batch_size: int, seed: int, step: int) -> list[int]:
    """The rows of one step: consecutive in an endless row of permutations."""
    first = step * batch_size
    rows: list[int] = []
    while len(rows) < min(batch_size, total):
        epoch, offset = divmod(first + len(rows), total)
        order = np.random.default_rng([seed, 0, epoch]).permutation(total)
        wanted = min(batch_size, total) - len(rows)
        rows += [int(r) for r in order[offset : offset + wanted]]
    return rows
