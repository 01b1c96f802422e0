"""Query likelihood: a document is as good as the query is probable after it (UPR, Sachan et al. 2022).

Not the paper's method: it needs no answer in a format, and so works with LLMs of any size."""

import json
from collections.abc import Iterator, Sequence

from drama.augment.prompts.text_prompt import TextPrompt
from drama.augment.rerank.reranker import OK, Reranked, Reranker
from drama.console import progress
from drama.files import fingerprint
from drama.llm import TOO_LONG, Answer


class Likelihood(Reranker):
    """Scores each document by itself: the mean log-probability of the query after a prompt with it.

    A document goes through the LLM once for all queries that found it.
    """

    prompt_type = TextPrompt
    largest_window = 0

    def scores(self, document: str, queries: Sequence[str]) -> list[float | None]:
        """The score of each (distinct) query after the document; None where both are too long for the LLM."""
        from drama.llm.score import answer_log_likelihoods  # loads torch

        prompt = self.prompt.messages(document)
        keys = {q: fingerprint([self.llm.identity, "likelihood", prompt, q]) for q in queries}
        known = {query: self.cache.get(key) for query, key in keys.items()}
        missing = [query for query, score in known.items() if score is None]
        if missing:
            room = self.llm.longest - len(self.llm.tokens(prompt))
            fitting = [query for query in missing if len(self.llm.continuation(prompt, query)) < room]
            found = answer_log_likelihoods(self.llm, [prompt] * len(fitting), fitting, self.batch_size)
            scores = dict.fromkeys(missing) | dict(zip(fitting, found, strict=True))
            new = {query: Answer(json.dumps(score)) for query, score in scores.items()}
            self.cache.put({keys[query]: score for query, score in new.items()})
            known |= new
        found_scores = (known[query] for query in queries)
        return [None if score is None else json.loads(score.text) for score in found_scores]

    def rerank(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> Iterator[Reranked]:
        """See `Reranker`. Scores are mean log-probabilities."""
        asked: dict[str, dict[str, None]] = {}
        for query, texts in zip(queries, documents, strict=True):
            for text in texts:
                asked.setdefault(text, {})[query] = None
        known: dict[tuple[str, str], float | None] = {}
        with progress("rerank", len(asked)) as bar, self.cache.flushed():
            for text, each in asked.items():
                for query, score in zip(each, self.scores(text, list(each)), strict=True):
                    known[text, query] = score
                bar.advance()
        for query, texts in zip(queries, documents, strict=True):
            yield _ranked([known[text, query] for text in texts])


def _ranked(scores: Sequence[float | None]) -> Reranked:
    order = range(len(scores))
    found = [score for score in scores if score is not None]
    if len(found) < len(scores):
        return Reranked(list(order), [0.0] * len(scores), [TOO_LONG], [])
    best = sorted(order, key=lambda i: -found[i])
    return Reranked(best, [found[i] for i in best], [OK], [])
