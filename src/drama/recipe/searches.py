"""The last two stages of a run: an index of the corpus, and a few searches in it for the summary."""

from pathlib import Path

from drama.recipe.recipe import SearchSettings
from drama.records import read_passages
from drama.search import Index, build_index, encode_for_index
from drama.workspace import open_stage, write_json


def build_and_search(settings: SearchSettings, model: Path, passages: Path, run: Path) -> None:
    """Leave `index/` and `search/examples.json` in the run's folder."""
    inputs = {"model": model, "passages": passages}
    with open_stage(run / "index", "index", settings, inputs) as stage:
        if not stage.done:
            counts = encode_for_index(model, read_passages(passages), stage.folder, settings.dim)
            stage.counts.update(counts)
            stage.figures["documents"] = build_index(stage.folder)
    with open_stage(run / "search", "search", settings, {"index": run / "index"}) as stage:
        if stage.done:
            return
        index = Index.open(run / "index")
        examples = [
            {
                "query": query,
                "hits": [
                    {
                        "rank": found.hit.rank,
                        "id": found.hit.document_id,
                        "score": round(found.hit.score, 4),
                        "text": found.document.full_text[:200],
                    }
                    for found in index.search(query, settings.k)
                ],
            }
            for query in settings.queries
        ]
        write_json(stage.folder / "examples.json", examples)
        stage.count("queries", len(examples))
