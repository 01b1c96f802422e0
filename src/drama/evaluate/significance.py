"""Whether two runs differ: a paired randomisation test (Smucker et al. 2007)."""

from collections.abc import Mapping

import numpy as np

_ROUNDS = 10_000


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
    shuffled_R = np.abs((signs_RQ * difference_Q).mean(axis=1))
    return float((1 + (shuffled_R >= observed - 1e-12).sum()) / (1 + _ROUNDS))
