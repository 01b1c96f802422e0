"""nDCG@10 of several runs on the collections they share, and p-values against the first, query by query.

    python benchmarks/studies/compare.py OUT.json COLLECTIONS_FOLDER NAME=RESULTS.json NAME=A.json,B.json

A RESULTS.json is what `drama evaluate --out` or `drama run` wrote, with its runs next to it; if it holds
several models, write `RESULTS.json@MODEL`. With several seeds, each query's mean over seeds counts. Only the
full width is compared. The p-value is of a paired randomisation test on the mean over collections.
"""

import json
import sys
from pathlib import Path

import ir_measures
import numpy as np

ROUNDS = 10_000


def per_query(place: str, collections: Path) -> dict[str, dict[str, float]]:
    """Collection → query id → nDCG@10."""
    found = {}
    file, _, model = place.partition("@")
    results = Path(file)
    rows = [r for r in json.loads(results.read_text())["results"] if model in ("", r["model"])]
    widest = max((r["dim"] for r in rows if r["dim"] is not None), default=None)
    for row in rows:
        if row["dim"] != widest:
            continue
        qrels = {}
        for line in (collections / row["collection"] / "qrels/test.tsv").read_text().splitlines()[1:]:
            query, document, grade = line.split("\t")
            qrels.setdefault(query, {})[document] = int(grade)
        ranks: dict[str, dict[str, float]] = {}
        for line in (results.parent / row["run"]).read_text().splitlines():
            query, _, document, rank, *_ = line.split()
            ranks.setdefault(query, {})[document] = -float(rank)
        values = dict.fromkeys(qrels, 0.0)
        for value in ir_measures.iter_calc([ir_measures.nDCG @ 10], qrels, ranks):
            values[value.query_id] = float(value.value)
        found[row["collection"]] = values
    return found


def p_value(one: dict[str, dict[str, float]], other: dict[str, dict[str, float]]) -> float:
    """Paired randomisation over the mean of collection means, two-sided."""
    rng = np.random.default_rng(0)
    shuffled_R = np.zeros(ROUNDS)
    observed = 0.0
    for name in one:
        difference_Q = np.array([one[name][q] - other[name][q] for q in sorted(one[name])])
        signs_RQ = rng.integers(0, 2, size=(ROUNDS, len(difference_Q)), dtype=np.int8) * 2 - 1
        shuffled_R += np.array([(signs_Q * difference_Q).mean() for signs_Q in signs_RQ]) / len(one)
        observed += difference_Q.mean() / len(one)
    return float((1 + (np.abs(shuffled_R) >= abs(observed) - 1e-12).sum()) / (1 + ROUNDS))


def main() -> None:
    out, collections, *runs = sys.argv[1:]
    values = {}
    for each in runs:
        name, _, place = each.partition("=")
        seeds = [per_query(each, Path(collections)) for each in place.split(",")]
        values[name] = {
            c: {q: sum(seed[c][q] for seed in seeds) / len(seeds) for q in of_queries}
            for c, of_queries in seeds[0].items()
        }
    first = next(iter(values.values()))
    table = {}
    for name, found in values.items():
        means = {c: round(sum(v.values()) / len(v), 4) for c, v in found.items()}
        mean = round(sum(means.values()) / len(means), 4)
        p = None if found is first else round(p_value(found, first), 4)
        table[name] = {"nDCG@10": means, "mean": mean, "p_against_first": p}
        print(name, means, mean, p)
    Path(out).write_text(json.dumps(table, indent=2) + "\n")


if __name__ == "__main__":
    main()
