"""The stage: passages → `examples.parquet`."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

from drama.augment.candidate import Candidate
from drama.augment.describe import describe
from drama.augment.labels.histogram import Histogram
from drama.augment.labels.hit_lists import HitLists
from drama.augment.labels.label import label
from drama.augment.labels.rankings import Beside, Rankings, keep_vectors, rank_corpus
from drama.augment.labels.round_trip import leads_back
from drama.augment.llm_run import LLMRun
from drama.augment.mixture import mix
from drama.augment.queries.crop import crop
from drama.augment.queries.supervised import supervised, supervised_files
from drama.augment.queries.synthesize import synthesize
from drama.augment.queries.triplets import write_triplets
from drama.augment.rerank import choose, load_reranker, rerank_examples, rerank_id
from drama.augment.settings import AugmentSettings
from drama.errors import DramaError
from drama.language import count_words
from drama.models import resolve
from drama.records import WRITTEN, Documents, Example, Hit, Passages, write_examples, write_passages
from drama.workspace import Manifest, StageRun, open_stage

_STORE = "embeddings"


def augment(
    settings: AugmentSettings,
    passages: Path,
    out: Path,
    seed: int = 0,
    store: Path | None = None,
) -> Manifest:
    """Make queries from passages, label them, and draw the mixture that is trained on.

    Cut off, it goes on: answers of the LLM and blocks of vectors are on disk as they are made; the rest is
    recomputed to the same result.

    Args:
        settings: the recipe's `augment` section.
        passages: Parquet.
        out: `examples.parquet`, `generated.jsonl`, `teacher/` and the manifest go here; with a mixture also
            `labelled.parquet`, the rows that it is drawn from; with triplets `written.parquet`, their
            passages.
        seed: of every draw.
        store: a folder that outlives changed settings and may be shared with other stages: vectors and
            the LLM's answers by content. Without one, `out/embeddings`, which changed settings leave alone.

    Raises:
        DramaError: no query could be made or labelled, a model is missing, a server does not answer, a
            supervised set does not fit the passages, or the mixture names what is not there.
    """
    inputs = {"passages": passages, **{f"model {name}": resolve(name) for name in settings.models()}}
    inputs |= {f"prompt {name}": Path(name) for name in settings.prompt_files()}
    inputs |= supervised_files(settings.supervised)
    opened = open_stage(out, "augment", settings, inputs, seed, manner=("server", "ray"), keep=(_STORE,))
    with opened as run:
        if run.done:
            return run.manifest
        store = store or out / _STORE
        documents = Passages(passages)
        llm_run = LLMRun(out, store, seed, run.count, run.figures, settings.server, settings.ray)
        triplets = write_triplets(documents, settings.triplets, llm_run)
        made: Iterable[Candidate] = (
            *supervised(documents, settings.supervised, run.count),
            *crop(documents, settings.crop, seed, run.count),
            *synthesize(documents, settings.synthesize, llm_run),
            *(triplet.candidate() for triplet in triplets),
        )
        unique = list(_unique(made, run.count))
        kept_ids = {c.id for c in unique}
        triplets = [triplet for triplet in triplets if triplet.id in kept_ids]
        written = [d for triplet in triplets for d in (triplet.positive, triplet.negative)]
        if written:
            write_passages(out / WRITTEN, written)
        candidates = [c for c in unique if c.kind != "triplet"]
        if not unique:
            raise DramaError(
                "augment: no query could be made from these passages",
                hint="lower augment.crop.min_words, or turn augment.synthesize on",
            )
        beside = Beside()
        if settings.label.keep_vectors:
            beside = Beside([t.query for t in triplets], [d.full_text for d in written])
        hits, teachers = Rankings(HitLists([]), [])
        if candidates or settings.label.keep_vectors:
            hits, teachers = rank_corpus(candidates, documents, settings.label, store, beside, settings.ray)
        k = settings.synthesize.round_trip
        scores = Histogram()
        kept = [i for i, c in enumerate(candidates) if leads_back(c, hits[i], k, run.count, scores)]
        chosen = [kept[at] for at in choose([candidates[i] for i in kept], settings.rerank, seed)]
        if settings.label.keep_vectors:
            vectors = [(candidates[i].id, i) for i in kept]
            vectors += [(rerank_id(candidates[i].id), i) for i in chosen]
            vectors += [(triplet.id, row) for row, triplet in enumerate(triplets, start=len(candidates))]
            ids, beside_ids = [d.id for d in documents], [d.id for d in written]
            keep_vectors(out / "teacher", vectors, ids, beside_ids, teachers)
        ranked = ((candidates[i], hits[i]) for i in kept)
        examples = chain(
            label(ranked, len(documents), settings.label, run.count, scores),
            _reranked([(candidates[i], hits[i]) for i in chosen], documents, settings, store, run),
            (triplet.example() for triplet in triplets),
        )
        path = out / ("labelled.parquet" if settings.mixture.on else "examples.parquet")
        labelled = write_examples(path, examples)
        if not labelled:
            raise DramaError(
                "augment: the retrievers found no positive for any query",
                hint="let augment.label.positive_ranks begin at 1, set origin_is_positive: true, or raise "
                "augment.synthesize.round_trip",
            )
        if settings.mixture.on:
            mixed = mix(path, settings.mixture, seed, run.count)
            run.figures["labelled"] = labelled
            labelled = write_examples(out / "examples.parquet", mixed)
        run.figures["examples"] = labelled
        if distribution := scores.figures():
            retrievers = " + ".join(settings.label.retrievers)
            run.figures["histograms"] = {f"scores of labels by {retrievers}": distribution}
        words = {d.id: count_words(d.full_text) for d in chain(documents, written)}
        run.figures["groups"] = [g.figures() for g in describe(out / "examples.parquet", words)]
    return run.manifest


def _reranked(
    chosen: Sequence[tuple[Candidate, Sequence[Hit]]],
    documents: Documents,
    settings: AugmentSettings,
    store: Path,
    run: StageRun,
) -> Iterator[Example]:
    """The rows that reranking adds; the LLM is loaded when the other rows are written."""
    if settings.rerank.method == "none":
        return
    if not chosen:
        run.count("rerank: no query to rerank")
        return
    reranker, llm = load_reranker(settings.rerank, settings.server, store, settings.ray)
    best = [(candidate, hits[: settings.rerank.depth]) for candidate, hits in chosen]
    yield from rerank_examples(best, documents, reranker, settings.rerank.text_words, run.folder, run.count)
    run.figures["llm: rerank"] = llm.usage.figures()


def _unique(candidates: Iterable[Candidate], count: Callable[[str], None]) -> Iterator[Candidate]:
    """Drop a query that stands word for word elsewhere: its labels would contradict each other."""
    seen: set[str] = set()
    for candidate in candidates:
        key = " ".join(candidate.query.lower().split())
        if key in seen:
            count(f"{candidate.kind}: same query twice, left out")
            continue
        seen.add(key)
        yield candidate
