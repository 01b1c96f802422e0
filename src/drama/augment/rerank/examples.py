"""Reranked lists become examples: rank 1 is the positive, the lower half are hard negatives."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from drama.augment.candidate import Candidate
from drama.augment.rerank.reranked import OK, Reranker
from drama.files import write_text
from drama.language import cut_words
from drama.records import Documents, Example, Hit

KIND = "rerank"


def rerank_id(candidate_id: str) -> str:
    """Id of the row that reranking adds beside the candidate's own.

    >>> rerank_id("qgen-000003")
    'rerank-qgen-000003'
    """
    return f"{KIND}-{candidate_id}"


def negative_ranks(length: int) -> tuple[int, int]:
    """First and last rank of the hard negatives: the paper's 10–20 of 20, scaled to the list.

    >>> negative_ranks(20), negative_ranks(8), negative_ranks(2)
    ((10, 20), (4, 8), (2, 2))
    """
    return max(2, length // 2), length


def rerank_examples(
    chosen: Sequence[tuple[Candidate, Sequence[Hit]]],
    documents: Documents,
    reranker: Reranker,
    text_words: int,
    folder: Path,
    count: Callable[[str], None],
) -> Iterator[Example]:
    """Yield a row of kind `rerank` for each candidate and its best hits (paper, section 3).

    Left out and counted: lists of fewer than two hits, and lists with a window that the LLM did not order,
    since they would pass the retriever's own order off as the LLM's. Each window's outcome is counted. The
    origin is never a negative.

    Args:
        chosen: candidates with the hits to rerank, best first.
        documents: the corpus.
        reranker: gets the first `text_words` words of each document.
        text_words: words of a document that the LLM reads.
        folder: `reranked.jsonl` goes here: order, outcomes and raw answers of every list.
        count: one call for each outcome.

    Raises:
        DramaError: the LLM can't be reached.
    """
    usable = [(candidate, hits) for candidate, hits in chosen if len(hits) > 1]
    for _ in range(len(chosen) - len(usable)):
        count("rerank: fewer than two hits, left out")
    wanted = {hit.document_id for _, hits in usable for hit in hits}
    texts = {d.id: cut_words(d.full_text, text_words) for d in documents if d.id in wanted}
    lists = [[texts[hit.document_id] for hit in hits] for _, hits in usable]
    lines: list[dict[str, object]] = []
    results = reranker.rerank([candidate.query for candidate, _ in usable], lists)
    for (candidate, hits), found in zip(usable, results, strict=True):
        for outcome in found.outcomes:
            count(f"rerank, LLM: {outcome}")
        ids = [hits[i].document_id for i in found.order]
        lines.append(
            {
                "id": rerank_id(candidate.id),
                "query": candidate.query,
                "documents": ids,
                "outcomes": found.outcomes,
                "answers": found.answers,
            }
        )
        if {*found.outcomes} != {OK}:
            count("rerank: a window was not ordered, left out")
            continue
        yield _example(candidate, ids, found.scores, count)
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    write_text(folder / "reranked.jsonl", text)


def _example(
    candidate: Candidate, ids: list[str], scores: list[float], count: Callable[[str], None]
) -> Example:
    low, high = negative_ranks(len(ids))
    negatives = dict(zip(ids[low - 1 : high], scores[low - 1 : high], strict=True))
    if negatives.pop(candidate.document_id, None) is not None:
        count("rerank: origin among the hard negatives, taken out")
    if not negatives:
        count("rerank: no hard negatives")
    count("rerank: ok")
    return Example(
        rerank_id(candidate.id),
        candidate.query,
        ids[:1],
        list(negatives),
        scores[:1],
        list(negatives.values()),
        KIND,
        candidate.lang,
        candidate.source,
        candidate.document_id,
    )
