"""Can pseudo-queries be trusted? The order of systems by them and by judgments, as Kendall's tau."""

from itertools import combinations
from pathlib import Path
from statistics import mean
from typing import Any

from scipy.stats import kendalltau

from drama.evaluate import EvaluateSettings, evaluate
from drama.evaluate.pseudo import QualitySettings, make_collection
from drama.evaluate.pseudo.verdict import kind_of
from drama.evaluate.significance import paired_randomisation
from drama.files import read_json
from drama.records import Collection, rank, read_trec_run, write_passages
from drama.records.measures import MAIN_MEASURE, per_query
from drama_bench.result import write_result
from drama_bench.study import is_done

QUERIES, PASSAGES = 150, 4000
_SURE = 0.05
Values = dict[str, dict[str, float]]
"""System → query → nDCG@10."""


def bench_quality(
    data: Path, collections: list[str], models: list[str], work: Path, out: Path, seed: int
) -> Path:
    """Measure each collection by its judgments and by pseudo-queries; a raw file for each, and a summary.

    Args:
        data: the folder of the collections.
        collections: their names.
        models: dense models, each also fused with BM25 in two shares, and smoothed.
        work: vectors and runs.
        out: results.
        seed: of the draws.
    """
    rounds = []
    for name in collections:
        raw = out / "quality" / f"{name}.json"
        settings = {
            "collection": name,
            "models": models,
            "seed": seed,
            "queries": QUERIES,
            "passages": PASSAGES,
        }
        if not is_done(raw, settings):
            row = _measured(data / "collections" / name, models, work / name, seed)
            write_result(raw, [row], {}, (), settings)
        rounds += read_json(raw)["rounds"]
    return write_result(out / "quality.json", rounds, summary(rounds), ())


def _measured(folder: Path, models: list[str], work: Path, seed: int) -> dict[str, Any]:
    """The systems' means by judgments and by each kind of pseudo-query, and the surely different pairs."""
    judged = Collection.read(folder)
    passages = work / "passages.parquet"
    write_passages(passages, judged.documents)
    kinds = QualitySettings(queries=QUERIES, passages=PASSAGES)
    make_collection(kinds, passages, work / "pseudo", seed)
    by_judgments = _values(folder, models, work / "judged", work / "store", seed)
    by_pseudo = _values(work / "pseudo", models, work / "measured", work / "store", seed)
    queries = next(iter(by_pseudo.values()))
    row: dict[str, Any] = {
        "collection": folder.name,
        "documents": len(judged.documents),
        "judged": {name: round(mean(values.values()), 4) for name, values in by_judgments.items()},
        "sure": [
            pair for pair in combinations(by_judgments, 2)
            if paired_randomisation(by_judgments[pair[0]], by_judgments[pair[1]], seed) < _SURE
        ],
        "kinds": {},
    }  # fmt: skip
    for kind in dict.fromkeys(map(kind_of, queries)):
        row["kinds"][kind] = {
            name: round(mean(v for q, v in values.items() if kind_of(q) == kind), 4)
            for name, values in by_pseudo.items()
        }
    row["kinds"]["mean"] = {
        name: round(mean(found[name] for found in row["kinds"].values()), 4) for name in by_pseudo
    }
    return row


def _values(folder: Path, models: list[str], out: Path, store: Path, seed: int) -> Values:
    """Each system's queries."""
    judged = Collection.read(folder)
    found: Values = {}
    for share in (0.5, 0.7):
        section = {
            "models": ["bm25", "lsa", *models],
            "collections": [str(folder)],
            "fusion": {"models": ["lsa", *models], "weight": share},
        }
        place = out / str(share)
        evaluate(EvaluateSettings.parse(section, "evaluate"), place, seed, store)
        for row in read_json(place / "results.json")["results"]:
            hits = {q: rank(scores) for q, scores in read_trec_run(place / row["run"]).items()}
            name = f"{row['model']} ({share})" if row["model"].endswith(" + bm25") else row["model"]
            found[name] = per_query(hits, judged.qrels)[MAIN_MEASURE]
    return found


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """By kind, the means over collections: Kendall's tau; the share of surely different pairs in that order;
    what is lost by taking the best system of the pseudo-queries; and what is won over BM25.
    """
    found: dict[str, list[dict[str, float]]] = {}
    for row in rounds:
        judged = row["judged"]
        for kind, values in row["kinds"].items():
            names = list(judged)
            tau = kendalltau([judged[n] for n in names], [values[n] for n in names]).statistic
            same = [(judged[a] > judged[b]) == (values[a] > values[b]) for a, b in row["sure"]]
            chosen = max(names, key=lambda n: values[n])
            lost = max(judged.values()) - judged[chosen]
            bm25 = judged[chosen] - judged["bm25"]
            found.setdefault(kind, []).append(
                {
                    "tau": float(tau),
                    "sure pairs": mean(same) if same else 1.0,
                    "lost": lost,
                    "over bm25": bm25,
                }
            )
    return {
        kind: {"collections": len(rows)} | {key: round(mean(r[key] for r in rows), 3) for key in rows[0]}
        for kind, rows in found.items()
    }
