"""Query likelihood: a document is as good as the query is probable after it (UPR, Sachan et al. 2022).

Not the paper's method: it needs no answer in a format, and so works with LLMs of any size."""

import json
from collections.abc import Iterator, Sequence

from drama.augment.rerank.reranked import OK, TOO_LONG, Reranked
from drama.console import progress
from drama.llm import AnswerCache, Engine, Prompt, answer_log_likelihoods


class Likelihood:
    """Scores each document by itself: the mean log-probability of the query after a prompt with it."""

    def __init__(self, engine: Engine, prompt: Prompt, cache: AnswerCache, batch_size: int) -> None:
        self.engine, self.prompt, self.cache, self.batch_size = engine, prompt, cache, batch_size

    def scores(self, query: str, documents: Sequence[str]) -> list[float] | None:
        """Of each document, in the given order; None where a prompt is too long for the LLM."""
        prompts = [self.prompt.messages(text) for text in documents]
        key = AnswerCache.key(self.engine.identity, "likelihood", prompts, query)
        known = self.cache.get(key)
        if known is not None:
            return [float(score) for score in json.loads(known)]
        # The query comes on top of each prompt: it must fit as well.
        room = len(self.engine.tokenizer(query, add_special_tokens=False)["input_ids"])
        if any(len(self.engine.tokens(p)) + room > self.engine.longest for p in prompts):
            return None
        found = answer_log_likelihoods(self.engine, prompts, [query] * len(prompts), self.batch_size)
        self.cache.put({key: json.dumps(found)})
        return found

    def rerank(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> Iterator[Reranked]:
        """See `Reranker`. Scores are mean log-probabilities."""
        with progress("rerank", len(queries)) as bar:
            for query, texts in zip(queries, documents, strict=True):
                scores = self.scores(query, texts)
                order = list(range(len(texts)))
                if scores is None:
                    yield Reranked(order, [0.0] * len(texts), [TOO_LONG], [])
                else:
                    best = sorted(order, key=lambda i: (-scores[i], i))
                    yield Reranked(best, [scores[i] for i in best], [OK], [])
                bar.advance()
