"""Whether two runs differ: a paired randomisation test (Smucker et al. 2007), and many such tests at once."""

from collections.abc import Mapping

import numpy as np

_ROUNDS = 10_000
_SIGNS = 1_000_000
"""Signs in memory at once: rounds × queries."""


def paired_randomisation(a: Mapping[str, float], b: Mapping[str, float], seed: int = 0) -> float:
    """Two-sided p-value of the mean difference over the queries that both have.

    >>> same = {f"q{i}": i / 10 for i in range(10)}
    >>> paired_randomisation(same, same)
    1.0
    """
    from scipy.stats import monte_carlo_test

    difference_Q = np.array([a[q] - b[q] for q in sorted(a.keys() & b.keys())])
    if not difference_Q.any():
        return 1.0
    rng = np.random.default_rng(seed)
    # scipy's permutation_test draws one round at a time: ten times slower with 3,000 queries
    test = monte_carlo_test(
        difference_Q,
        lambda size: difference_Q * rng.choice((-1.0, 1.0), size),
        np.mean,
        vectorized=True,
        n_resamples=_ROUNDS,
        batch=max(1, _SIGNS // len(difference_Q)),
    )
    return float(test.pvalue)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """p-values of several tests, corrected so that the chance of any false alarm stays at the level (Holm
    1979).

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    corrected: dict[str, float] = {}
    largest = 0.0
    for done, (name, p) in enumerate(sorted(p_values.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(p_values) - done) * p))
        corrected[name] = largest
    return corrected
