"""Which reranking by an LLM agrees with human judgments: nDCG@10 of BM25's best, before and after.

Each (LLM, collection, method) leaves `rerank-LLM-COLLECTION-METHOD.json`. Its `rounds` have a row for each
query: nDCG@10 in BM25's order and in the LLM's, and the outcomes of the LLM's answers.
"""

import random
import time
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from drama.augment.rerank import RerankSettings, load_reranker
from drama.console import note
from drama.errors import DramaError
from drama.evaluate.rank_collection import rank_bm25
from drama.evaluate.significance import paired_randomisation
from drama.language import cut_words
from drama.llm import AnswerCache
from drama.records import Collection, Hit
from drama.records.measures import per_query
from drama.servers.settings import ServerSettings
from drama_bench.result import write_result
from drama_bench.study import as_file_name, is_done

_MEASURE = "nDCG@10"


def bench_rerank(
    folders: Sequence[str],
    settings: Sequence[RerankSettings],
    out: Path,
    split: str = "test",
    seed: int = 0,
    server: ServerSettings | None = None,
) -> list[Path]:
    """One result file for each collection and method; those that exist are left as they are.

    The LLM's scores and answers are kept in `out/answers.sqlite`: a stopped run resumes.

    Args:
        folders: judged collections in BEIR's layout.
        settings: of each method; `depth` hits of BM25 are reranked, of `queries` queries by a seeded choice.
        out: folder of the results.
        split: of the judgments.
        seed: of the choice of queries.
        server: how a server is asked.

    Raises:
        DramaError: a collection is broken, no such LLM or prompt, or a result by other settings.
    """
    paths = []
    for folder in folders:
        collection: Collection | None = None
        for each in settings:
            if not each.on():
                raise DramaError("bench rerank: rerank.method is none", hint="name a method")
            path = out / f"rerank-{as_file_name(each.llm)}-{as_file_name(folder)}-{each.method}.json"
            asked = {"rerank": each.model_dump(exclude={"kinds"}), "split": split, "seed": seed}
            if not is_done(path, asked):
                collection = collection or Collection.read(Path(folder), split)
                note(f"{collection.name}: {each.method}")
                raw, more = _compare(collection, each, out, seed, server or ServerSettings())
                write_result(path, raw, summary(raw) | more | {"hashes": collection.hashes}, (), asked)
            paths.append(path)
    return paths


def summary(raw: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mean nDCG@10 before and after, and how sure the difference is.

    >>> found = summary([{"query": "q", "bm25": 0.25, "reranked": 0.75, "outcomes": ["ok"]}])
    >>> found["gain"], found["better"], found["worse"], found["outcomes"]
    (0.5, 1, 0, {'ok': 1})
    """
    before, after = ({row["query"]: row[key] for row in raw} for key in ("bm25", "reranked"))
    mean_before, mean_after = (sum(values.values()) / max(1, len(values)) for values in (before, after))
    return {
        "queries": len(raw),
        f"{_MEASURE} of BM25": round(mean_before, 4),
        f"{_MEASURE} reranked": round(mean_after, 4),
        "gain": round(mean_after - mean_before, 4),
        "p": round(paired_randomisation(after, before), 4),
        "better": sum(after[q] > before[q] for q in before),
        "worse": sum(after[q] < before[q] for q in before),
        "outcomes": dict(sorted(Counter(chain.from_iterable(row["outcomes"] for row in raw)).items())),
    }


def _compare(
    collection: Collection, settings: RerankSettings, store: Path, seed: int, server: ServerSettings
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each query, and how long the LLM took for what it was asked in this process."""
    queries = collection.queries
    if settings.queries is not None and settings.queries < len(queries):
        queries = random.Random(seed).sample(queries, settings.queries)
    hits = rank_bm25(collection, settings.depth).hits
    texts = {d.id: cut_words(d.full_text, settings.text_words) for d in collection.documents}
    lists = [[texts[hit.document_id] for hit in hits[query.id]] for query in queries]
    reranker = load_reranker(settings, AnswerCache(store / "answers.sqlite"), server)
    begin = time.monotonic()
    found = list(reranker.rerank([query.text for query in queries], lists))
    seconds = time.monotonic() - begin
    after = {
        query.id: [
            Hit(hits[query.id][i].document_id, score, rank)
            for rank, (i, score) in enumerate(zip(each.order, each.scores, strict=True), start=1)
        ]
        for query, each in zip(queries, found, strict=True)
    }
    judged = {query.id: collection.qrels[query.id] for query in queries}
    values_before = per_query(hits, judged)[_MEASURE]
    values_after = per_query(after, judged)[_MEASURE]
    raw = [
        {
            "query": query.id,
            "bm25": round(values_before[query.id], 6),
            "reranked": round(values_after[query.id], 6),
            "documents": len(hits[query.id]),
            "outcomes": each.outcomes,
            "order": [hit.document_id for hit in after[query.id]],
        }
        for query, each in zip(queries, found, strict=True)
    ]
    return raw, {"asked now": reranker.llm.usage.figures() | {"seconds": round(seconds, 2)}}
