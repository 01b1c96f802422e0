"""The stage: models × collections → results.json and TREC runs.

Each finished (model, collection) pair is on disk before the next begins; a run that was cut off does the
rest only.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drama.console import note
from drama.errors import DramaError
from drama.evaluate.rank_collection import Ranked, rank_bm25, rank_dense
from drama.evaluate.settings import EvaluateSettings, FusionSettings
from drama.evaluate.significance import paired_randomisation
from drama.files import fingerprint, write_json
from drama.models import resolve
from drama.records import Collection, Hit, rank, read_trec_run, write_trec_run
from drama.records.measures import MAIN_MEASURE, means, per_query
from drama.retriever import EmbeddingStore, Encoder, load_encoder
from drama.search import BM25_NAME, FITTED, LSA, LSA_NAME, fuse
from drama.workspace import Manifest, open_stage
from drama.workspace.manifest import command, machine, versions

_REPORTED = 100
Result = dict[str, Any]


@dataclass(frozen=True)
class _Job:
    """What all pairs share."""

    settings: EvaluateSettings
    folders: dict[str, Path]
    labels: Mapping[str, str]
    runs: Path
    seed: int
    store: EmbeddingStore


@dataclass(frozen=True)
class _Baseline:
    """BM25 on the collection at hand: for fusion and for the significance test."""

    hits: dict[str, list[Hit]]
    ndcg: dict[str, float]


def evaluate(
    settings: EvaluateSettings,
    out: Path,
    seed: int = 0,
    store: Path | None = None,
    labels: Mapping[str, str] | None = None,
) -> Manifest:
    """Measure every model on every collection.

    Args:
        settings: the recipe's `evaluate` section.
        out: `results.json`, `runs/*.trec` and the manifest go here.
        seed: of the significance test.
        store: folder of an embedding store, shared with other stages or kept between calls; without one a
            model that was cut off begins its collection again.
        labels: what to call a model in the table instead of its path.

    Raises:
        DramaError: no models, no collections, one named twice, an unknown model, a broken collection (all
            are checked before the first model runs).
    """
    check_evaluation(settings)
    folders = {m: resolve(m) for m in settings.models if m not in FITTED}
    inputs = {f"model {m}": folder for m, folder in folders.items()}
    inputs |= {f"collection {c}": Path(c) for c in settings.collections}
    for place in settings.collections:
        Collection.read(Path(place), settings.split)
    with open_stage(out, "evaluate", settings, inputs, seed) as run:
        if run.done:
            return run.manifest
        (out / "runs").mkdir(exist_ok=True)
        job = _Job(settings, folders, dict(labels or {}), out / "runs", seed, EmbeddingStore(store))
        results: list[Result] = []
        for place in settings.collections:
            collection = Collection.read(Path(place), settings.split)
            for what, n in collection.left_out.items():
                run.count(f"{collection.name}: {what}", n)
            results += _on_collection(job, place, collection)
        write_json(out / "results.json", {"results": results})
        run.figures["results"] = len(results)
    return run.manifest


def check_evaluation(settings: EvaluateSettings) -> None:
    """What the section asks for makes sense; reads nothing.

    Raises:
        DramaError: no models, no collections, one named twice, or a fusion with a model that is not there.
    """
    if not settings.models or not settings.collections:
        raise DramaError("evaluate: name at least one model and one collection")
    for field, named in (("models", settings.models), ("collections", settings.collections)):
        twice = [name for i, name in enumerate(named) if name in named[:i]]
        if twice:
            raise DramaError(f"evaluate.{field}: '{twice[0]}' is named twice")
    loose = [m for m in settings.fusion.models if m not in settings.models or m == BM25_NAME]
    if loose:
        raise DramaError(f"evaluate.fusion.models: '{loose[0]}' is not a dense model of evaluate.models")


def _on_collection(job: _Job, place: str, collection: Collection) -> list[Result]:
    """All rows of one collection, each model's taken from disk where it was finished before."""
    wanted = job.settings.models
    models = sorted(wanted, key=lambda m: m != BM25_NAME)  # fusion and the test need BM25 first
    if job.settings.fusion.models and BM25_NAME not in models:
        models.insert(0, BM25_NAME)
    rows: list[Result] = []
    baseline: _Baseline | None = None
    for model in models:
        label = job.labels.get(model, model)
        slug = f"{collection.name}-{fingerprint([place, model, label])[:8]}"
        part = job.runs / f"{slug}.json"
        if not part.is_file():
            note(f"evaluate: {label} on {collection.name}")
            write_json(part, _measure(job, collection, model, label, slug, baseline))
        done: list[Result] = json.loads(part.read_text(encoding="utf-8"))
        if model == BM25_NAME:
            run = read_trec_run(job.runs.parent / done[0]["run"])
            baseline = _Baseline({q: rank(scores) for q, scores in run.items()}, done[0]["ndcg_by_query"])
        if model in wanted:
            rows += [{k: v for k, v in row.items() if k != "ndcg_by_query"} for row in done]
    return rows


def _measure(
    job: _Job, collection: Collection, model: str, label: str, slug: str, baseline: _Baseline | None
) -> list[Result]:
    """Rank, fuse, measure; the runs go to disk. One row for each width, and one for the fusion."""
    rows = []
    for name, tag, ranked in _rankings(job, collection, model, label, baseline):
        reported = {q: hits[:_REPORTED] for q, hits in ranked.hits.items()}
        values = per_query(reported, collection.qrels)
        ndcg = values[MAIN_MEASURE]
        p_value = None if baseline is None else paired_randomisation(ndcg, baseline.ndcg, job.seed)
        run = job.runs / f"{slug}-{tag}.trec"
        kept = ranked.hits if model == BM25_NAME else reported  # fusion reads BM25's whole depth from there
        write_trec_run(run, {q: {h.document_id: h.score for h in hits} for q, hits in kept.items()}, "drama")
        rows.append(
            {
                "model": name,
                "collection": collection.name,
                "split": collection.split,
                "dim": ranked.dim,
                "metrics": {measure: round(value, 5) for measure, value in means(values).items()},
                "p_value_vs_bm25": p_value,
                "queries": len(ndcg),
                "documents": len(collection.documents),
                "seconds": round(ranked.seconds, 3),
                "documents_per_second": round(len(collection.documents) / max(ranked.seconds, 1e-9), 2),
                "path": str(job.folders.get(model, model)),
                "fingerprint": ranked.made_by,
                "run": f"{job.runs.name}/{run.name}",
                "settings": job.settings.model_dump(mode="json", exclude={"models", "collections"}),
                "hashes": collection.hashes,
                "seed": job.seed,
                "command": command(),
                "versions": versions(),
                "machine": machine(),
                "ndcg_by_query": ndcg,
            }
        )
    return rows


def _rankings(
    job: _Job, collection: Collection, model: str, label: str, baseline: _Baseline | None
) -> list[tuple[str, str, Ranked]]:
    """(name in the table, tag of the run file, ranking) for each row of a model."""
    depth = max(_REPORTED, job.settings.fusion.depth) + job.settings.exclude_self
    if model == BM25_NAME:
        return [(label, BM25_NAME, _without_self(job.settings, rank_bm25(collection, depth)))]
    encoder: Encoder
    if model == LSA_NAME:
        encoder = LSA.build(collection.documents)
    else:
        encoder = load_encoder(job.folders[model], job.settings.max_length, job.settings.precision)
        encoder.name = label
    found = [
        _without_self(job.settings, ranked)
        for ranked in rank_dense(encoder, collection, job.settings.dims, depth, job.store)
    ]
    rows = [(label, str(ranked.dim), ranked) for ranked in found]
    if model in job.settings.fusion.models and baseline is not None:
        fused = _fused(job.settings.fusion, baseline.hits, found[0])
        rows.append((f"{label} + bm25", f"{fused.dim}-fused", fused))
    return rows


def _fused(fusion: FusionSettings, bm25: Mapping[str, Sequence[Hit]], dense: Ranked) -> Ranked:
    weights = [1 - fusion.weight, fusion.weight]
    hits = {
        q: fuse([bm25.get(q, [])[: fusion.depth], found[: fusion.depth]], weights, _REPORTED, fusion.method)
        for q, found in dense.hits.items()
    }
    return dense._replace(hits=hits)


def _without_self(settings: EvaluateSettings, ranked: Ranked) -> Ranked:
    if not settings.exclude_self:
        return ranked
    return ranked._replace(
        hits={
            q: rank((h.document_id, h.score) for h in hits if h.document_id != q)
            for q, hits in ranked.hits.items()
        }
    )
