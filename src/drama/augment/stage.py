"""The stage: passages → `examples.parquet`."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

from drama.augment.candidate import Candidate
from drama.augment.context import Context
from drama.augment.groups import count_groups
from drama.augment.labels.histogram import Histogram
from drama.augment.labels.label import label, label_written, survives_round_trip
from drama.augment.labels.rankings import rank_corpus
from drama.augment.labels.teacher import keep_vectors
from drama.augment.mixture import MixtureSettings, mix
from drama.augment.rerank import ASKED, choose, rerank, rerank_id
from drama.augment.settings import AugmentSettings
from drama.console import warn
from drama.errors import DramaError
from drama.llm import CUT_OFF, THINKING, TOO_LONG
from drama.models import resolve_local
from drama.models.files import weights_of
from drama.records import WRITTEN, Document, Documents, Example, Passages, write_examples, write_passages
from drama.workspace import Manifest, StageRun, open_stage

REVISION = 1
"""Raised when the same inputs and settings give other results."""
_STORE = "embeddings"


def augment(
    settings: AugmentSettings,
    passages: Path,
    out: Path,
    seed: int = 0,
    store: Path | None = None,
) -> Manifest:
    """Make queries from passages, label them, and draw the mixture that is trained on.

    Interrupted, it resumes: the LLM's answers and blocks of vectors are on disk as they are made; the rest is
    recomputed with the same result.

    Args:
        settings: the recipe's `augment` section.
        passages: Parquet.
        out: `examples.parquet`, `generated.jsonl`, `teacher/` and the manifest go here; with a mixture also
            `labelled.parquet`, the rows that it is drawn from; with triplets `written.parquet`, their
            passages.
        seed: seed of every draw.
        store: a folder for vectors and the LLM's answers, by content; other stages may share it. By default
            `out/embeddings`, which survives changed settings.

    Raises:
        DramaError: no query could be made or labelled, a model is missing, a server does not answer, a
            supervised set does not fit the passages, or the mixture names what is not there.
    """
    inputs = {"passages": passages, **settings.inputs()}
    opened = open_stage(out, "augment", settings, inputs, seed, revision=REVISION, keep=(_STORE,))
    with opened as run:
        if run.done:
            return run.manifest
        run.figures |= weights_of(resolve_local(settings.models()))
        store = store or out / _STORE
        context = Context(out, store, seed, run.count, run.figures, settings.server, settings.ray)
        documents, scores = Passages(passages), Histogram()
        to_search, with_passages = _made(settings, documents, context, run.counts)
        written = _write_passages(with_passages, out / WRITTEN)
        ranked, vectors = rank_corpus(
            to_search, with_passages, documents, settings.label, store, settings.ray, settings.server, seed
        )
        if vectors.found is not None:
            run.figures["teachers"] = {
                "weights": vectors.found.weights,
                "reciprocal_ranks": vectors.found.ranks,
            }
        k = settings.synthesize.round_trip
        kept = [query for query in ranked if survives_round_trip(query, k, run.count, scores)]
        chosen = choose(kept, settings.rerank, seed)
        if settings.label.keep_vectors:
            # the vectors' rows: the queries that were searched for, then those that came with passages
            rows = {query.candidate.id: query.row for query in kept}
            rows |= {rerank_id(query.candidate.id): query.row for query in chosen}
            rows |= {candidate.id: row for row, candidate in enumerate(with_passages, start=len(to_search))}
            keep_vectors(out / "teacher", rows, vectors)
        examples = chain(
            label(kept, len(documents), settings.label, run.count, scores),
            rerank(chosen, documents, settings.rerank, context),
            map(label_written, with_passages),
        )
        _write_mixture(examples, out, settings.mixture, seed, run)
        reranked = {name: n for name, n in run.counts.items() if name.startswith(ASKED)}
        if unfinished := unfinished_answers(reranked):
            warn(unfinished)
        if histogram := scores.figures():
            title = f"scores of labels by {' + '.join(settings.label.retrievers)}"
            run.figures["histograms"] = {title: histogram}
        run.figures["groups"] = count_groups(out / "examples.parquet", chain(documents, written))
    return run.manifest


def _made(
    settings: AugmentSettings, documents: Documents, context: Context, counts: Mapping[str, int]
) -> tuple[list[Candidate], list[Candidate]]:
    """All queries, deduplicated: those to search for, and those whose passages were written with them.

    Raises:
        DramaError: there is none.
    """
    made = chain.from_iterable(maker.make(documents, context) for maker in settings.makers() if maker.on())
    candidates = list(_deduplicated(made, context.count))
    unfinished = unfinished_answers(counts)
    if not candidates:
        outcomes = ", ".join(f"{outcome}: {n}" for outcome, n in counts.items())
        raise DramaError(
            f"augment: no query could be made from these passages{outcomes and f' ({outcomes})'}",
            hint=unfinished or "lower augment.crop.min_words, or turn augment.synthesize on",
        )
    if unfinished:
        warn(unfinished)
    with_passages = [candidate for candidate in candidates if candidate.written]
    return [candidate for candidate in candidates if not candidate.written], with_passages


def unfinished_answers(counts: Mapping[str, int]) -> str:
    """What to do where an LLM did not take most of its prompts, or finish most of its answers; empty where it
    did.

    >>> unfinished_answers({"qgen: ok": 5, "qgen: cut off": 4}), unfinished_answers({"sent: made": 9})
    ('', '')
    >>> unfinished_answers({"qgen: ok": 3, "qgen: thinking not finished": 4}).partition(": ")[0]
    'qgen'
    >>> unfinished_answers({"qgen: too long for the LLM": 4})
    'qgen: 4 of 4 prompts are too long for the LLM: take another, or shorten them (text_words)'
    """
    for series in dict.fromkeys(name.partition(": ")[0] for name in counts):
        total = sum(n for name, n in counts.items() if name.startswith(f"{series}: "))
        outcomes = CUT_OFF, THINKING, TOO_LONG
        cut, thinking, long = (counts.get(f"{series}: {outcome}", 0) for outcome in outcomes)
        if 2 * long > total:
            advice = "take another, or shorten them (text_words)"
            return f"{series}: {long} of {total} prompts are {TOO_LONG}: {advice}"
        if 2 * (cut + thinking) > total:
            advice = "raise sampling.max_new_tokens"
            if thinking > cut:
                advice += ", or let a server's LLM not think (see extra_body in docs/llm.md)"
            return f"{series}: {cut + thinking} of {total} answers were not finished: {advice}"
    return ""


def _write_passages(candidates: Iterable[Candidate], path: Path) -> list[Document]:
    """Write the passages that came with queries, if there are any. Returns them."""
    written = [document for candidate in candidates for document in candidate.written]
    if written:
        write_passages(path, written)
    return written


def _deduplicated(candidates: Iterable[Candidate], count: Callable[[str], None]) -> Iterator[Candidate]:
    """Each query once: the labels of two equal ones would contradict each other."""
    seen: set[str] = set()
    for candidate in candidates:
        key = " ".join(candidate.query.lower().split())
        if key in seen:
            count(f"{candidate.kind}: same query twice, left out")
            continue
        seen.add(key)
        yield candidate


def _write_mixture(
    examples: Iterable[Example], out: Path, settings: MixtureSettings, seed: int, run: StageRun
) -> None:
    """Write the examples; with a mixture, first all of them, then those drawn from them."""
    path = out / "examples.parquet"
    labelled = out / "labelled.parquet" if settings.on else path
    rows = write_examples(labelled, examples)
    if not rows:
        raise DramaError(
            "augment: the retrievers found no positive for any query",
            hint="let augment.label.positive_ranks begin at 1, set origin_is_positive: true, or raise "
            "augment.synthesize.round_trip",
        )
    if settings.on:
        run.figures["labelled"] = rows
        rows = write_examples(path, mix(labelled, settings, seed, run.count))
    run.figures["examples"] = rows
