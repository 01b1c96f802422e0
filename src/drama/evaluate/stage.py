"""The stage: models × collections → results.json and TREC runs.

Each finished (model, collection) pair is on disk before the next begins; a run that was cut off does the
rest only.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drama.console import note
from drama.errors import DramaError
from drama.evaluate.collection import Collection
from drama.evaluate.measures import means, per_query
from drama.evaluate.rank_collection import Ranked, rank_bm25, rank_dense
from drama.evaluate.settings import EvaluateSettings
from drama.evaluate.significance import paired_randomisation
from drama.models import resolve
from drama.records import Hit, rank, read_trec_run, write_trec_run
from drama.retriever import EmbeddingStore, load_encoder
from drama.search import fuse
from drama.workspace import Manifest, fingerprint, open_stage, write_json
from drama.workspace.manifest import command, machine, versions

BM25_NAME = "bm25"
_REPORTED = 100
Result = dict[str, Any]


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
        store: folder of an embedding store shared with other stages.
        labels: what to call a model in the table instead of its path.

    Raises:
        DramaError: no models, no collections, an unknown model, a broken collection.
    """
    if not settings.models or not settings.collections:
        raise DramaError("evaluate: name at least one model and one collection")
    loose = [m for m in settings.fusion.models if m not in settings.models or m == BM25_NAME]
    if loose:
        raise DramaError(f"evaluate.fusion.models: '{loose[0]}' is not a dense model of evaluate.models")
    names = dict(labels or {})
    folders = {m: resolve(m) for m in settings.models if m != BM25_NAME}
    inputs = {f"model {m}": folder for m, folder in folders.items()}
    inputs |= {f"collection {c}": Path(c) for c in settings.collections}
    with open_stage(out, "evaluate", settings, inputs, seed) as run:
        if run.done:
            return run.manifest
        (out / "runs").mkdir(exist_ok=True)
        results: list[Result] = []
        for place in settings.collections:
            collection = Collection.read(Path(place), settings.split)
            for what, n in collection.left_out.items():
                run.count(f"{collection.name}: {what}", n)
            results += _on_collection(settings, collection, folders, names, out, seed, store)
        write_json(out / "results.json", {"results": results})
        run.figures["results"] = len(results)
    return run.manifest


def _on_collection(
    settings: EvaluateSettings,
    collection: Collection,
    folders: Mapping[str, Path],
    names: Mapping[str, str],
    out: Path,
    seed: int,
    store: Path | None,
) -> list[Result]:
    """All rows of one collection, each model's taken from disk where it was finished before."""
    models = sorted(settings.models, key=lambda m: m != BM25_NAME)  # fusion and the test need BM25 first
    if settings.fusion.models and BM25_NAME not in models:
        models.insert(0, BM25_NAME)
    rows: list[Result] = []
    bm25: tuple[dict[str, list[Hit]], dict[str, float]] | None = None
    for model in models:
        label = names.get(model, model)
        slug = f"{fingerprint([model, label])[:8]}-{collection.name}"
        part = out / "runs" / f"{slug}.json"
        if part.is_file():
            done = json.loads(part.read_text(encoding="utf-8"))
        else:
            done = _rank_and_measure(
                settings, collection, model, folders, label, bm25, out, slug, seed, store
            )
            write_json(part, done)
        if model == BM25_NAME:
            hits = {
                q: rank(scores) for q, scores in read_trec_run(out / "runs" / f"{slug}-bm25.trec").items()
            }
            bm25 = hits, done[0]["per_query_ndcg"]
        if model in settings.models:
            rows += done
    for row in rows:
        row.pop("per_query_ndcg", None)
    return rows


def _rank_and_measure(
    settings: EvaluateSettings,
    collection: Collection,
    model: str,
    folders: Mapping[str, Path],
    label: str,
    bm25: tuple[dict[str, list[Hit]], dict[str, float]] | None,
    out: Path,
    slug: str,
    seed: int,
    store: Path | None,
) -> list[Result]:
    note(f"evaluate: {label} on {collection.name}")
    depth = max(_REPORTED, settings.fusion.depth) + settings.exclude_self
    if model == BM25_NAME:
        ranked: dict[tuple[str, int | None], Ranked] = {(label, None): rank_bm25(collection, depth)}
        mark = "bm25 k1=1.5 b=0.75"
    else:
        encoder = load_encoder(folders[model], settings.max_length)
        encoder.name = label
        mark = encoder.fingerprint
        found = rank_dense(encoder, collection, settings.dims, depth, EmbeddingStore(store))
        ranked = {(label, r.dim): r for r in found}
        if model in settings.fusion.models and bm25 is not None:
            ranked[f"{label} + bm25", found[0].dim] = _fused(settings, bm25[0], found[0])
    rows = []
    for (name, dim), each in ranked.items():
        hits = {q: _without_self(settings, q, found) for q, found in each.hits.items()}
        values = per_query({q: found[:_REPORTED] for q, found in hits.items()}, collection.qrels)
        kept = hits if model == BM25_NAME else {q: found[:_REPORTED] for q, found in hits.items()}
        tag = "bm25" if dim is None else f"{dim}{'-fused' if name != label else ''}"
        write_trec_run(
            out / "runs" / f"{slug}-{tag}.trec",
            {q: {h.document_id: h.score for h in found} for q, found in kept.items()},
            tag="drama",
        )
        p_value = None if bm25 is None else paired_randomisation(values["nDCG@10"], bm25[1], seed)
        rows.append(
            {
                "model": name,
                "collection": collection.name,
                "split": collection.split,
                "dim": dim,
                "metrics": {m: round(v, 5) for m, v in means(values).items()},
                "p_value_vs_bm25": p_value,
                "queries": len(values["nDCG@10"]),
                "documents": len(collection.documents),
                "documents_per_second": round(each.documents_per_second, 2),
                "path": str(folders.get(model, model)),
                "fingerprint": mark,
                "run": f"runs/{slug}-{tag}.trec",
                "settings": settings.model_dump(mode="json", exclude={"models", "collections"}),
                "hashes": collection.hashes,
                "command": command(),
                "versions": versions(),
                "machine": machine(),
                "per_query_ndcg": values["nDCG@10"],
            }
        )
    return rows


def _fused(settings: EvaluateSettings, bm25: Mapping[str, Sequence[Hit]], dense: Ranked) -> Ranked:
    weights = [1 - settings.fusion.weight, settings.fusion.weight]
    depth = settings.fusion.depth
    hits = {
        q: fuse([bm25.get(q, [])[:depth], found[:depth]], weights, depth, settings.fusion.method)
        for q, found in dense.hits.items()
    }
    return Ranked(dense.dim, hits, dense.documents_per_second)


def _without_self(settings: EvaluateSettings, query_id: str, hits: Sequence[Hit]) -> list[Hit]:
    if not settings.exclude_self:
        return list(hits)
    return rank((h.document_id, h.score) for h in hits if h.document_id != query_id)
