"""Listwise: the LLM writes the order of a window's passages (paper, section 3, after RankGPT)."""

from drama.augment.context import REFUSED
from drama.augment.rerank.ranking_answer import parse_ranking
from drama.augment.rerank.reranker import TOO_LONG
from drama.augment.rerank.sliding import SlidingReranker, Window, WindowOrder
from drama.llm import Sampling, cached_answers

GREEDY = Sampling(max_new_tokens=256, temperature=0.0)
"""The paper's: temperature 0, 256 tokens."""


class Listwise(SlidingReranker):
    """Asks for `[2] > [1] > …` and accepts no other answer (see `parse_ranking`)."""

    needs_logits = False

    def order(self, windows: list[Window]) -> list[WindowOrder]:
        """See `SlidingReranker`."""
        identifiers = [str(i + 1) for i in range(self.window)]
        prompts = [self.prompt.messages(*window, identifiers) for window in windows]
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
