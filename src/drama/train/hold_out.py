"""A seeded share of the queries that is not trained on."""

from collections.abc import Sequence

import numpy as np

from drama.records import Example
from drama.train.query_key import query_key


def hold_out(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Part the examples into those to train on and those held out.

    All examples of one query, by its normalised text, go the same way. Documents do not part: those of the
    held-out queries may stand in the batches, as they would stand in the corpus.

    >>> examples = [Example(str(i), f"Is it {i // 2}?", ["d"], [], [], [], "qgen") for i in range(8)]
    >>> trained, held = hold_out(examples, 0.25, seed=0)
    >>> len(trained), len(held), len({e.query for e in held})
    (6, 2, 1)
    """
    keys = [query_key(example.query) for example in examples]
    distinct = list(dict.fromkeys(keys))
    order = np.random.default_rng([seed, 4]).permutation(len(distinct))
    held = {distinct[i] for i in order[: round(share * len(distinct))]}
    parts: tuple[list[Example], list[Example]] = ([], [])
    for example, key in zip(examples, keys, strict=True):
        parts[key in held].append(example)
    return parts
