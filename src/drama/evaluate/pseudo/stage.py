"""The stage: systems on the pseudo-queries, and in words what to use."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from drama.evaluate.pseudo.searches import good_and_bad
from drama.evaluate.pseudo.settings import QualitySettings
from drama.evaluate.pseudo.verdict import compare, searched_with, verdict
from drama.evaluate.settings import EvaluateSettings
from drama.evaluate.stage import Pairs
from drama.files import write_json
from drama.models import resolve_local
from drama.records import Collection, Hit, Query, rank, read_trec_run
from drama.records.measures import MAIN_MEASURE, per_query
from drama.retriever import EmbeddingStore
from drama.search import Index
from drama.workspace import Manifest, open_stage

REVISION = 2
"""Raised when the same inputs and settings give other results."""
_TIMED = 30


def measure_quality(
    settings: QualitySettings,
    systems: EvaluateSettings,
    collection: Path,
    index: Path,
    out: Path,
    student: Path,
    seed: int = 0,
    store: Path | None = None,
    labels: Mapping[str, str] | None = None,
    trained: bool = False,
) -> Manifest:
    """Measure the systems on a collection of pseudo-queries; `out/quality.json` has a row for each, the
    verdict, and some queries with what was found.

    Args:
        settings: the recipe's `quality` section.
        systems: what is compared: models, their fusions and smoothing.
        collection: what `make_collection` wrote, with queries.
        index: the run's, for its size and the time of a search.
        out: results, TREC runs and the manifest.
        student: the run's model, as `systems` names it.
        seed: of the tests.
        store: folder of an embedding store.
        labels: model → its name in the table.
        trained: the student was trained on queries made of the corpus.
    """
    folders = resolve_local(systems.needs().models)
    inputs = {"collection": collection} | {f"model {name}": f for name, f in folders.items()}
    also = systems.model_dump_json()
    with open_stage(out, "quality", settings, inputs, seed, revision=REVISION, also=also) as run:
        if run.done:
            return run.manifest
        (out / "runs").mkdir(exist_ok=True)
        opened = {model: folders.get(model, model) for model in systems.needs().models}
        pairs = Pairs(systems, opened, labels or {}, out, seed, EmbeddingStore(store))
        judged = Collection.read(collection)
        rows = pairs.measure(str(collection), judged)
        runs = {row["model"]: _hits(out / row["run"]) for row in rows}
        values = {name: per_query(hits, judged.qrels)[MAIN_MEASURE] for name, hits in runs.items()}
        own = (labels or {}).get(str(student), str(student))
        compared = compare(values, [own], seed)
        cost = _cost(student, index, judged.queries, rows, own)
        lines = verdict(compared, own, cost, trained)
        result = {
            "verdict": lines,
            "rows": [
                row | {"by_kind": compared.by_kind[row["model"]], "all": compared.mean[row["model"]]}
                for row in rows
            ],
            "differences": [d._asdict() for d in compared.differences],
            "queries": compared.queries,
            "searches": good_and_bad(judged, runs, searched_with(compared, own)),
            "cost": cost,
        }
        write_json(out / "quality.json", result)
        run.figures["verdict"] = lines
    return run.manifest


def _hits(run: Path) -> dict[str, list[Hit]]:
    return {query: rank(scores) for query, scores in read_trec_run(run).items()}


def _cost(
    student: Path, index: Path, queries: Sequence[Query], rows: Sequence[Mapping[str, Any]], own: str
) -> dict[str, float]:
    """Megabytes of the model and of the index, documents a second, milliseconds a search."""
    opened = Index.open(index)
    taken = []
    for query in queries[:_TIMED]:
        begin = time.perf_counter()
        opened.search(query.text)
        taken.append(time.perf_counter() - begin)
    speed = next(row["documents_per_second"] for row in rows if row["model"] == own)
    return {
        "model MB": _megabytes(student),
        "index MB": _megabytes(index),
        "passages": len(opened),
        "documents/s": speed,
        "ms a search": round(1000 * median(taken), 1),
    }


def _megabytes(folder: Path) -> float:
    return round(sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 1e6, 1)
