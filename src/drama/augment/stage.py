"""The stage: passages → `examples.parquet`."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from drama.augment.candidate import Candidate
from drama.augment.crop import crop
from drama.augment.label import label
from drama.augment.settings import AugmentSettings
from drama.augment.synthesize import synthesize
from drama.errors import DramaError
from drama.models import resolve
from drama.records import read_passages, write_examples
from drama.search import FITTED
from drama.workspace import Manifest, open_stage


def augment(
    settings: AugmentSettings,
    passages: Path,
    out: Path,
    seed: int = 0,
    store: Path | None = None,
) -> Manifest:
    """Make queries from passages and label them.

    Cut off, it goes on: answers of the LLM and blocks of vectors are on disk as they are made; the rest is
    recomputed to the same result.

    Args:
        settings: the recipe's `augment` section.
        passages: Parquet.
        out: `examples.parquet`, `generated.jsonl`, `teacher/` and the manifest go here.
        seed: of every draw.
        store: a folder that outlives changed settings and may be shared with other stages: vectors and
            the LLM's answers by content. Without one, `out/embeddings`, which a changed setting clears.

    Raises:
        DramaError: no query could be made or labelled, or a model is missing.
    """
    models = [name for name in settings.label.retrievers if name not in FITTED]
    if settings.synthesize.documents:
        models.append(settings.synthesize.llm)
    inputs = {"passages": passages, **{f"model {name}": resolve(name) for name in models}}
    with open_stage(out, "augment", settings, inputs, seed) as run:
        if run.done:
            return run.manifest
        store = store or out / "embeddings"
        documents = list(read_passages(passages))
        made: Iterable[Candidate] = (
            *crop(documents, settings.crop, seed, run.count),
            *synthesize(documents, settings.synthesize, out, store, seed, run.count),
        )
        candidates = list(_unique(made, run.count))
        if not candidates:
            raise DramaError(
                "augment: no query could be made from these passages",
                hint="lower augment.crop.min_words, or turn augment.synthesize on",
            )
        rows = label(candidates, documents, settings.label, out / "teacher", store, run.count)
        run.figures["examples"] = write_examples(out / "examples.parquet", rows)
        if not run.figures["examples"]:
            raise DramaError(
                "augment: the retrievers found no positive for any query",
                hint="let augment.label.positive_ranks begin at 1, or set origin_is_positive: true",
            )
    return run.manifest


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
