"""Whether two runs differ: a paired randomisation test (Smucker et al. 2007)."""

from collections.abc import Mapping

import numpy as np

_ROUNDS = 10_000
_BLOCKS = 50


def paired_randomisation(a: Mapping[str, float], b: Mapping[str, float], seed: int = 0) -> float:
    """Two-sided p-value of the mean difference over the queries that both have.

    >>> same = {f"q{i}": i / 10 for i in range(10)}
    >>> paired_randomisation(same, same)
    1.0
    """
    difference_Q = np.array([a[q] - b[q] for q in sorted(a.keys() & b.keys())])
    if not difference_Q.any():
        return 1.0
    rng = np.random.default_rng(seed)
    observed = abs(difference_Q.mean())
    signs_RQ = rng.integers(0, 2, size=(_ROUNDS, len(difference_Q)), dtype=np.int8) * 2 - 1
    # By blocks of rounds: their product in float64 is eight times the signs.
    means_R = [(block_RQ * difference_Q).mean(axis=1) for block_RQ in np.array_split(signs_RQ, _BLOCKS)]
    shuffled_R = np.abs(np.concatenate(means_R))
    return float((1 + (shuffled_R >= observed - 1e-12).sum()) / (1 + _ROUNDS))
