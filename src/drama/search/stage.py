"""The last two stages of a run: an index of the corpus, and a few searches in it for the summary."""

from pathlib import Path

from drama.files import write_json
from drama.models.files import weights_of
from drama.records import read_passages
from drama.search.encode import STORE, encode_for_index
from drama.search.index import Index, build_index
from drama.search.settings import IndexSettings, SearchSettings
from drama.search.snippet import snippet
from drama.workspace import Manifest, open_stage

INDEX_REVISION = 2
SEARCH_REVISION = 4
"""Raised when the same inputs and settings give other results."""
_SHOWN = 200
"""Characters of a hit's text."""


def index_corpus(
    settings: IndexSettings, model: Path, passages: Path, out: Path, store: Path | None = None
) -> Manifest:
    """Encode the passages and write an index to `out`; `store` is the folder of the run's embedding store."""
    inputs = {"model": model, "passages": passages}
    with open_stage(out, "index", settings, inputs, revision=INDEX_REVISION, keep=(STORE,)) as stage:
        if not stage.done:
            stage.figures |= weights_of({"model": model})
            documents = read_passages(passages)
            counts = encode_for_index(
                model, documents, stage.folder, settings.dim, store=store, smoothing=settings.smoothing
            )
            stage.counts.update(counts)
            how = settings.kind, settings.words, settings.dense_share
            stage.figures["documents"] = build_index(stage.folder, *how)
    return stage.manifest


def search_examples(settings: SearchSettings, folder: Path, out: Path) -> Manifest:
    """Search the index in `folder`, and write `examples.json` to `out`."""
    with open_stage(out, "search", settings, {"index": folder}, revision=SEARCH_REVISION) as stage:
        if stage.done:
            return stage.manifest
        index = Index.open(folder)
        examples = []
        for query in settings.queries:
            hits = [
                {
                    "rank": hit.rank,
                    "id": hit.document_id,
                    "score": round(hit.score, 4),
                    "title": d.title,
                    **snippet(d, query, _SHOWN)._asdict(),
                }
                for hit, d in index.search(query, settings.k)
            ]
            examples.append({"query": query, "hits": hits})
        write_json(stage.folder / "examples.json", examples)
        stage.count("queries", len(examples))
    return stage.manifest
