"""The stage: models × collections → results.json and TREC runs.

Each finished (model, collection) pair is on disk before the next begins, so a run that was cut off resumes
after the last of them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from drama.console import note
from drama.evaluate.passages import Parents, in_passages
from drama.evaluate.rank_collection import Hits, Ranked, rank_collection
from drama.evaluate.settings import EvaluateSettings
from drama.evaluate.significance import paired_randomisation
from drama.files import fingerprint, read_json, write_json
from drama.models import resolve_local
from drama.models.files import weights_of
from drama.records import Collection, by_document, rank, read_trec_run, write_trec_run
from drama.records.measures import DEPTH, MAIN_MEASURE, MEASURES, means, per_query
from drama.retriever import EmbeddingStore
from drama.search import BM25_NAME
from drama.workspace import Manifest, open_stage
from drama.workspace.manifest import command, machine, versions

REVISION = 3
"""Raised when the same inputs and settings give other results."""
Row = dict[str, Any]
"""A line of results.json; `run` is relative to the folder of that file."""


class _Baseline(NamedTuple):
    """BM25 on a collection: for fusion, and for the significance test."""

    ranked: Ranked
    by_query: dict[str, float]
    """The main measure."""


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
        labels: model → its name in the table, instead of its path.

    Raises:
        DramaError: what `settings.needs()` raises, an unknown model, or a broken collection; all are checked
            before the first model runs.
    """
    needed = settings.needs()
    folders = resolve_local(needed.models)
    for place, split in needed.collections:
        Collection.read(Path(place), split)
    inputs = {f"model {model}": folder for model, folder in folders.items()}
    inputs |= {f"collection {place}": Path(place) for place, _ in needed.collections}
    also = " ".join(MEASURES)
    with open_stage(out, "evaluate", settings, inputs, seed, revision=REVISION, also=also) as run:
        if run.done:
            return run.manifest
        run.figures |= weights_of(folders)
        (out / "runs").mkdir(exist_ok=True)
        opened = {model: folders.get(model, model) for model in needed.models}
        pairs = Pairs(settings, opened, labels or {}, out, seed, EmbeddingStore(store))
        rows: list[Row] = []
        for place, split in needed.collections:
            collection = Collection.read(Path(place), split)
            collection.warn_of_missing()
            for outcome, n in collection.left_out.items():
                run.count(f"{collection.name}: {outcome}", n)
            rows += pairs.measure(place, collection)
        write_json(out / "results.json", {"results": rows})
        run.figures["results"] = len(rows)
    return run.manifest


@dataclass(frozen=True)
class Pairs:
    """The pairs of the models with a collection, each measured once."""

    settings: EvaluateSettings
    opened: Mapping[str, Path | str]
    """Model → its folder, or its address on a server."""
    labels: Mapping[str, str]
    out: Path
    seed: int
    store: EmbeddingStore

    def measure(self, place: str, collection: Collection) -> list[Row]:
        """The rows of all models; a pair that is finished is taken from disk."""
        wanted = self.settings.models
        models = sorted(wanted, key=lambda m: m != BM25_NAME)  # fusion and the test need BM25 first
        if self.settings.fusion.models and BM25_NAME not in models:
            models.insert(0, BM25_NAME)
        rows: list[Row] = []
        baseline: _Baseline | None = None
        passages, parents = in_passages(collection, self.settings.chunk)
        for model in models:
            label = self.labels.get(model, model)
            slug = f"{collection.name}-{fingerprint([place, model, label])[:8]}"
            pair = self.out / "runs" / f"{slug}.json"
            if not pair.is_file():
                note(f"evaluate: {label} on {collection.name}")
                write_json(
                    pair, list(self._rows(model, label, slug, collection, passages, parents, baseline))
                )
            done: list[Row] = read_json(pair)
            by_query = [row.pop("by_query") for row in done]
            bounds = [row.pop("bounds") for row in done]
            kept = [row.pop("kept") for row in done]
            if model == BM25_NAME:
                run, about = read_trec_run(self.out / kept[0]), done[0]
                hits = {q: rank(scores) for q, scores in run.items()}
                ranked = Ranked(None, hits, about["seconds"], about["fingerprint"], bounds=bounds[0])
                baseline = _Baseline(ranked, by_query[0])
            if model in wanted:
                rows += done
        return rows

    def _rows(
        self,
        model: str,
        label: str,
        slug: str,
        collection: Collection,
        passages: Collection,
        parents: Parents,
        baseline: _Baseline | None,
    ) -> Iterator[Row]:
        """Rank, write the runs, measure: a row for each width, and one for the fusion."""
        bm25 = None if baseline is None else baseline.ranked
        opened, documents = self.opened.get(model), len({d.whole_id for d in collection.documents})
        for ranked in rank_collection(
            model, opened, label, passages, self.settings, self.store, bm25, parents
        ):
            traits = [name for name in ("smoothed", "fused") if getattr(ranked, name)]
            tag = "-".join([BM25_NAME if ranked.dim is None else str(ranked.dim), *traits])
            run = self.out / "runs" / f"{slug}-{tag}.trec"
            reported = {q: hits[:DEPTH] for q, hits in _of_documents(ranked.hits, parents).items()}
            kept = run  # fusion reads all of BM25's hits from it
            if model == BM25_NAME and parents:
                kept = run.with_name(f"{run.stem}-passages.trec")
            if model == BM25_NAME:
                write_trec_run(kept, ranked.hits, "drama")
            if model != BM25_NAME or parents:
                write_trec_run(run, reported, "drama")
            values = per_query(reported, collection.qrels)
            by_query = values[MAIN_MEASURE]
            yield {
                "model": _title(label, ranked),
                "collection": collection.name,
                "split": collection.split,
                "dim": ranked.dim,
                "metrics": {measure: round(value, 5) for measure, value in means(values).items()},
                "p_value_vs_bm25": baseline and paired_randomisation(by_query, baseline.by_query, self.seed),
                "queries": len(by_query),
                "documents": documents,
                "seconds": round(ranked.seconds, 3),
                "documents_per_second": round(documents / max(ranked.seconds, 1e-9), 2),
                "path": str(opened or model),
                "fingerprint": ranked.made_by,
                "run": str(run.relative_to(self.out)),
                "settings": self.settings.model_dump(mode="json", exclude={"models", "collections"}),
                "hashes": collection.hashes,
                "seed": self.seed,
                "command": command(),
                "versions": versions(),
                "machine": machine(),
                "by_query": by_query,
                "bounds": ranked.bounds,
                "kept": str(kept.relative_to(self.out)),
            }


def _of_documents(hits: Hits, parents: Parents) -> Hits:
    """A ranking of passages as one of documents."""
    if not parents:
        return hits
    return {q: [hit for hit, _ in by_document(found, parents.__getitem__)] for q, found in hits.items()}


def _title(label: str, ranked: Ranked) -> str:
    """A row's name: what was done to the model's ranking is part of it."""
    smoothed = f"{label}, smoothed" if ranked.smoothed else label
    return f"{smoothed} + bm25" if ranked.fused else smoothed
