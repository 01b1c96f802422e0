"""Reranked lists become examples: rank 1 is the positive, the lower half are hard negatives."""

import random
from collections.abc import Callable, Iterator, Sequence

from drama.augment.candidate import Candidate
from drama.augment.context import Context
from drama.augment.kinds import RERANK
from drama.augment.labels.rankings import RankedQuery
from drama.augment.rerank.methods import METHODS
from drama.augment.rerank.reranker import OK, Reranker
from drama.augment.rerank.settings import RerankSettings
from drama.language import cut_words
from drama.llm import AnswerCache
from drama.records import Documents, Example, Hit
from drama.servers.settings import ServerSettings
from drama.workers import RaySettings

ASKED = "rerank, LLM"
"""What the outcomes of the windows are counted under."""
LONGEST = 8192
"""Most tokens of a window's prompt; the LLM's own context is a limit too."""


def rerank_id(candidate_id: str) -> str:
    """Id of the row that reranking adds to the candidate's own.

    >>> rerank_id("qgen-000003")
    'rerank-qgen-000003'
    """
    return f"{RERANK}-{candidate_id}"


def negative_ranks(length: int) -> tuple[int, int]:
    """First and last rank of the hard negatives: the paper's 10–20 of 20, scaled to the list.

    >>> negative_ranks(20), negative_ranks(8), negative_ranks(2)
    ((10, 20), (4, 8), (2, 2))
    """
    return max(2, length // 2), length


def choose(queries: Sequence[RankedQuery], settings: RerankSettings, seed: int) -> list[RankedQuery]:
    """The queries to rerank: of the requested kinds, by a seeded choice, in their order."""
    if not settings.on():
        return []
    rows = [row for row, query in enumerate(queries) if query.candidate.kind in settings.kinds]
    if settings.queries is not None and settings.queries < len(rows):
        rows = sorted(random.Random(f"{seed}\0rerank").sample(rows, settings.queries))
    return [queries[row] for row in rows]


def load_reranker(
    settings: RerankSettings, cache: AnswerCache, server: ServerSettings, ray: RaySettings | None = None
) -> Reranker:
    """The reranker that the settings name, with its LLM."""
    method = METHODS[settings.method]
    prompt = method.prompt_type.load(settings.prompt or settings.method, "rerank")
    llm = settings.open(server, None if method.needs_logits else ray, LONGEST)
    return method(llm, prompt, cache, settings.batch_size, settings.window, settings.step)


def rerank(
    chosen: Sequence[RankedQuery], documents: Documents, settings: RerankSettings, context: Context
) -> Iterator[Example]:
    """Yield the rows that reranking adds; the LLM is loaded when the first row is requested."""
    if not settings.on():
        return
    if not chosen:
        context.count("rerank: no query to rerank")
        return
    reranker = load_reranker(settings, context.answers, context.server, context.ray)
    best = [(query.candidate, query.hits[: settings.depth]) for query in chosen]
    yield from rerank_examples(best, documents, reranker, settings.text_words, context)
    context.figures["llm: rerank"] = reranker.llm.usage.figures()


def rerank_examples(
    chosen: Sequence[tuple[Candidate, Sequence[Hit]]],
    documents: Documents,
    reranker: Reranker,
    text_words: int,
    context: Context,
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
        context: its folder gets `reranked.jsonl`: order, outcomes and raw answers of every list.
    """
    usable = [(candidate, hits) for candidate, hits in chosen if len(hits) > 1]
    for _ in range(len(chosen) - len(usable)):
        context.count("rerank: fewer than two hits, left out")
    wanted = {hit.document_id for _, hits in usable for hit in hits}
    texts = {d.id: cut_words(d.full_text, text_words) for d in documents if d.id in wanted}
    lists = [[texts[hit.document_id] for hit in hits] for _, hits in usable]
    results = reranker.rerank([candidate.query for candidate, _ in usable], lists)
    with context.lines("reranked.jsonl") as write:
        for (candidate, hits), found in zip(usable, results, strict=True):
            for outcome in found.outcomes:
                context.count(f"{ASKED}: {outcome}")
            ids = [hits[i].document_id for i in found.order]
            line = {"id": rerank_id(candidate.id), "query": candidate.query, "documents": ids}
            write({**line, "outcomes": found.outcomes, "answers": found.answers})
            if {*found.outcomes} != {OK}:
                context.count("rerank: a window was not ordered, left out")
                continue
            yield _example(candidate, ids, found.scores, context.count)


def _example(
    candidate: Candidate, ids: list[str], scores: list[float], count: Callable[[str], None]
) -> Example:
    low, high = negative_ranks(len(ids))
    negatives = dict(zip(ids[low - 1 : high], scores[low - 1 : high], strict=True))
    if negatives.pop(candidate.origin, None) is not None:
        count("rerank: origin among the hard negatives, taken out")
    if not negatives:
        count("rerank: no hard negatives")
    count("rerank: ok")
    row = candidate.example(dict(zip(ids[:1], scores[:1], strict=True)), negatives)
    return row._replace(id=rerank_id(candidate.id), kind=RERANK)
