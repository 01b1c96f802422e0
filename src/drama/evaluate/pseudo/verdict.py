"""From figures to words: what to use, and how sure that is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from drama.evaluate.significance import holm, paired_randomisation
from drama.search import BM25_NAME

FUSED = f" + {BM25_NAME}"
_ROUNDS = 2000
_SURE = 0.05


class Difference(NamedTuple):
    """How much better one system is than another: mean difference, its 95% interval (bootstrap over queries),
    and the p-value of a paired randomisation test, corrected for all comparisons (Holm)."""

    system: str
    against: str
    mean: float
    low: float
    high: float
    p: float

    @property
    def sure(self) -> bool:
        """Whether chance is ruled out at 5%."""
        return self.p < _SURE


class Compared(NamedTuple):
    """Systems on the same queries. A system's mean is over kinds, each kind's over its queries."""

    mean: dict[str, float]
    by_kind: dict[str, dict[str, float]]
    queries: dict[str, int]
    """Kind → queries."""
    differences: list[Difference]

    def difference(self, system: str, against: str) -> Difference | None:
        """One of the comparisons."""
        return next((d for d in self.differences if (d.system, d.against) == (system, against)), None)


def kind_of(query: str) -> str:
    """A pseudo-query's kind, by its id.

    >>> kind_of("title-17")
    'title'
    """
    return query.rpartition("-")[0]


def compare(values: Mapping[str, Mapping[str, float]], own: Sequence[str], seed: int) -> Compared:
    """Compare the run's own systems with all others, and with each other.

    Args:
        values: system → query → nDCG@10.
        own: names with which those of the run's own systems begin.
        seed: of the tests.
    """
    queries = Counter(map(kind_of, next(iter(values.values()))))
    weight = {q: 1 / (len(queries) * queries[kind_of(q)]) for q in next(iter(values.values()))}
    by_kind = {
        system: {
            kind: round(float(np.mean([v for q, v in found.items() if kind_of(q) == kind])), 4)
            for kind in queries
        }
        for system, found in values.items()
    }
    mean = {system: round(sum(kinds.values()) / len(kinds), 4) for system, kinds in by_kind.items()}
    mine = [system for system in values if system.startswith(tuple(own))]
    pairs = [(a, b) for a in mine for b in values if a != b and not (b in mine and a < b)]
    p_values = holm(
        {f"{a}\0{b}": paired_randomisation(_weighted(values[a], weight), _weighted(values[b], weight), seed)
         for a, b in pairs}
    )  # fmt: skip
    differences = [
        Difference(a, b, *_interval(values[a], values[b], weight, seed), round(p_values[f"{a}\0{b}"], 4))
        for a, b in pairs
    ]
    return Compared(mean, by_kind, dict(queries), differences)


def _weighted(values: Mapping[str, float], weight: Mapping[str, float]) -> dict[str, float]:
    return {q: value * weight[q] for q, value in values.items()}


def _interval(
    a: Mapping[str, float], b: Mapping[str, float], weight: Mapping[str, float], seed: int
) -> tuple[float, float, float]:
    """Mean difference, and the 95% interval of it when the queries of each kind are drawn anew."""
    rng = np.random.default_rng(seed)
    total = np.zeros(_ROUNDS)
    mean = 0.0
    for kind in dict.fromkeys(map(kind_of, weight)):
        difference_Q = np.array([a[q] - b[q] for q in weight if kind_of(q) == kind])
        share = next(weight[q] for q in weight if kind_of(q) == kind) * len(difference_Q)
        drawn = rng.integers(0, len(difference_Q), (_ROUNDS, len(difference_Q)))
        total += share * difference_Q[drawn].mean(axis=1)
        mean += share * float(difference_Q.mean())
    low, high = np.quantile(total, (0.025, 0.975))
    return round(mean, 4), round(float(low), 4), round(float(high), 4)


def verdict(compared: Compared, student: str, cost: Mapping[str, float], trained: bool = False) -> list[str]:
    """What to use, in a few lines.

    Args:
        compared: all systems.
        student: the name of the run's model.
        cost: see `drama.evaluate.pseudo.stage`.
        trained: the student was trained on queries made of the corpus.
    """
    own = [system for system in compared.mean if system.startswith(student)]
    alone = next(system for system in own if not system.endswith(FUSED))
    hybrid = searched_with(compared, student)
    others = [system for system in compared.mean if system not in own and system != BM25_NAME]
    best = max(others, key=lambda system: compared.mean[system], default=None)
    lines = [_advice(compared, hybrid, best)]
    if hybrid != alone and (against := compared.difference(alone, BM25_NAME)):
        how = "is better than" if against.sure and against.mean > 0 else "does not beat"
        lines.append(f"The student alone {how} BM25 here ({_figure(against)}).")
    lines.append(
        f"The model is {cost['model MB']:.0f} MB and encodes {cost['documents/s']:.0f} documents a second on "
        f"this machine; the index of {cost['passages']:,.0f} passages is {cost['index MB']:.0f} MB, a search "
        f"takes {cost['ms a search']:.0f} ms."
    )
    made = ", ".join(f"{n} {kind}s" for kind, n in compared.queries.items())
    favoured = ""
    if trained:
        favoured = "The student was trained on such queries of other documents, which favours it. "
    lines.append(
        f"By pseudo-queries made from your corpus ({made}), none of them trained on. {favoured}They order "
        "systems; their absolute figures are not those of real questions (docs/quality.md)."
    )
    return lines


def searched_with(compared: Compared, student: str) -> str:
    """What `drama search` does with the student: its fusion with BM25, where there is one."""
    own = [system for system in compared.mean if system.startswith(student)]
    fused = [system for system in own if system.endswith(FUSED)]
    return fused[-1] if fused else own[0]


def _advice(compared: Compared, hybrid: str, best: str | None) -> str:
    """The first line: what to use, and by how much it is better than what is free."""
    words = compared.difference(hybrid, BM25_NAME)
    free = compared.difference(hybrid, best) if best else None
    assert words is not None
    if free is not None and free.sure and free.mean < 0:
        return (
            f"A model that needs no training is better here: {_named(free.against)} "
            f"({_figure(free._replace(mean=-free.mean))} over hybrid search with the student). "
            "`drama run adapt-fast` builds an index with one."
        )
    over = f"{_figure(words)} over BM25"
    if free is not None:
        over += f"; {_figure(free)} over {_named(free.against)}"
    if words.sure and words.mean > 0:
        score = f"nDCG@10 {compared.mean[hybrid]:.3f}"
        return f"Use hybrid search, the default of `drama search`: {score}, {over}."
    if words.sure:
        return f"Use BM25, `drama search --mode bm25`: hybrid search loses here, {over}."
    return f"Hybrid search and BM25 can't be told apart here: {over}."


def _figure(d: Difference) -> str:
    p = "p < 0.01" if d.p < 0.01 else f"p = {d.p:.2f}"
    return f"{d.mean:+.3f}, {p}"


def _named(system: str) -> str:
    return system.replace(BM25_NAME, "BM25").replace("lsa", "LSA")
