"""Batches as a function of (seed, step): nothing to store for a resume, the same on every machine.

Each pass over the examples is one permutation (`sampler`). At each visit one positive and some hard negatives
are redrawn. A document that several queries share is in the batch once.
"""

import math
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
    scored_B: list[list[tuple[int, float]]]
    """Column and score of each query's drawn documents; empty where one of them has no score (or NaN)."""


def draw_batch(examples: Sequence[Example], rows: list[int], negatives: int, seed: int, step: int) -> Batch:
    """Draw the documents of a batch: a positive and at most `negatives` hard negatives for each of `rows`.

    >>> e = [Example(f"q{i}", f"{i}?", [f"d{i}"], ["d9"], [], [], "sent", origin=f"d{i}") for i in range(4)]
    >>> batch = draw_batch(e, [0, 2], negatives=1, seed=0, step=0)
    >>> batch.documents, bool(batch.mask_BN.any())
    (['d0', 'd9', 'd2'], False)
    """
    rng = np.random.default_rng([seed, 1, step])
    columns: dict[str, int] = {}
    positives: list[int] = []
    scored_B: list[list[tuple[int, float]]] = []
    for row in rows:
        example = examples[row]
        drawn = int(rng.integers(len(example.positive_ids)))
        positives.append(columns.setdefault(example.positive_ids[drawn], len(columns)))
        hard = min(negatives, len(example.negative_ids))
        picked = rng.choice(len(example.negative_ids), size=hard, replace=False).tolist() if hard else []
        against = [columns.setdefault(example.negative_ids[i], len(columns)) for i in picked]
        scores = [example.positive_scores[drawn]] if example.positive_scores else []
        scores += [example.negative_scores[i] for i in picked] if example.negative_scores else []
        found = len(scores) == 1 + len(picked) and all(map(math.isfinite, scores))
        scored_B.append(list(zip([positives[-1], *against], scores, strict=True)) if found else [])
    # Two rows of one query (one labelled by retrievers, one reranked) know each other's positives.
    known: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        known[examples[row].query] += [*examples[row].positive_ids, examples[row].origin]
    mask_BN = np.zeros((len(rows), len(columns)), dtype=bool)
    for b, row in enumerate(rows):
        masked = {columns[document] for document in known[examples[row].query] if document in columns}
        mask_BN[b, list(masked - {positives[b]})] = True
    return Batch(rows, list(columns), np.array(positives, dtype=np.int64), mask_BN, scored_B)


def has_scores(example: Example, negatives: int) -> bool:
    """Whether a draw may give the query two documents with scores to compare.

    >>> example = Example("q", "?", ["a", "b"], ["c"], [0.9, float("nan")], [0.1], "sent")
    >>> has_scores(example, negatives=1), has_scores(example, negatives=0)
    (True, False)
    """
    scores = (example.positive_scores, example.negative_scores)
    return negatives > 0 and all(any(map(math.isfinite, each)) for each in scores)
