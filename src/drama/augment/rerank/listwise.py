"""Listwise: the LLM writes the order of a window's passages (paper, section 3, after RankGPT)."""

from collections.abc import Iterator, Sequence

from drama.augment.llm_run import REFUSED
from drama.augment.rerank.parse import parse_ranking
from drama.augment.rerank.prompt import ListPrompt
from drama.augment.rerank.reranked import TOO_LONG, Reranked
from drama.augment.rerank.sliding import Window, WindowOrder, slide
from drama.llm import AnswerCache, ChatModel, Sampling, cached_answers

GREEDY = Sampling(max_new_tokens=256, temperature=0.0)
"""The paper's: temperature 0, 256 tokens."""


class Listwise:
    """Asks for `[2] > [1] > …` and takes nothing else for an answer (see `parse_ranking`)."""

    def __init__(
        self,
        llm: ChatModel,
        prompt: ListPrompt,
        cache: AnswerCache,
        batch_size: int,
        window: int,
        step: int,
    ) -> None:
        self.llm, self.prompt, self.cache = llm, prompt, cache
        self.batch_size, self.window, self.step = batch_size, window, step

    def rerank(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> Iterator[Reranked]:
        """See `Reranker`. Scores are 1 / rank.

        Raises:
            DramaError: the LLM can't be reached.
        """
        return slide(queries, documents, self.window, self.step, self._order)

    def _order(self, windows: list[Window]) -> list[WindowOrder]:
        identifiers = [str(i + 1) for i in range(self.window)]
        prompts = [self.prompt.messages(window, identifiers) for window in windows]
        fitting = [i for i, prompt in enumerate(prompts) if self.llm.fits(prompt)]
        answers = cached_answers(
            self.llm, [prompts[i] for i in fitting], GREEDY, self.batch_size, 0, self.cache, "rerank"
        )
        said = dict(zip(fitting, answers, strict=True))
        return [_found(said.get(i), len(w.texts), i in said) for i, w in enumerate(windows)]


def _found(answer: str | None, passages: int, asked: bool) -> WindowOrder:
    if answer is not None:
        return parse_ranking(answer, passages)
    return WindowOrder(list(range(passages)), REFUSED if asked else TOO_LONG)
