"""Listwise: the LLM writes the order of a window's passages (paper, section 3, after RankGPT)."""

import re

from drama.augment.prompts.around import without_fences
from drama.augment.rerank.reranker import OK
from drama.augment.rerank.sliding import SlidingReranker, Window, WindowOrder
from drama.llm import CUT_OFF, Answer, Sampling, cached_answers

GREEDY = Sampling(max_new_tokens=256, temperature=0.0)
"""The paper's: temperature 0, 256 tokens."""
_RANKING = re.compile(r"\[\d+\](\s*>\s*\[\d+\])*", re.ASCII)


class Listwise(SlidingReranker):
    """Asks for `[2] > [1] > …` and accepts no other answer (see `parse_ranking`)."""

    needs_logits = False

    def order(self, windows: list[Window]) -> list[WindowOrder]:
        """See `SlidingReranker`."""
        identifiers = [str(i + 1) for i in range(self.window)]
        prompts = (self.prompt.messages(*window, identifiers) for window in windows)
        how = GREEDY, self.batch_size, 0, self.cache, "rerank", len(windows)
        answers = cached_answers(self.llm, prompts, *how)
        return [read_ranking(answer, len(w.texts)) for answer, w in zip(answers, windows, strict=True)]


def read_ranking(answer: Answer, size: int) -> WindowOrder:
    """The order in an LLM's answer, which may begin with thinking (see `parse_ranking`).

    More outcomes: `too long for the LLM`, `refused by the server`, `thinking not finished` and `cut off`.

    >>> read_ranking(Answer("<think>Two.</think>[2] > [1]"), 2).order
    [1, 0]
    >>> read_ranking(Answer("[2] >", "cut off"), 2).outcome
    'cut off'
    """
    if answer.problem:
        return WindowOrder(list(range(size)), answer.problem, answer.text)
    found = parse_ranking(answer.said, size)
    if found.outcome != OK and answer.cut:
        found = found._replace(outcome=CUT_OFF)
    return found._replace(answer=answer.text)


def parse_ranking(answer: str, size: int) -> WindowOrder:
    """The order of a window of `size` texts, from an answer like `[2] > [1] > [3]`; only a Markdown fence
    around it is taken off.

    Outcomes: `ok`; `not a ranking` (anything but identifiers and `>`); `foreign identifiers` (outside
    1…size); `repeated identifiers`; `missing identifiers`. All but `ok` leave the window as it was.

    >>> parse_ranking("[2] > [1] > [3]", 3)
    WindowOrder(order=[1, 0, 2], outcome='ok', answer='[2] > [1] > [3]')
    >>> [parse_ranking(a, 2).outcome for a in ("[1]", "[1] > [1]", "[3] > [1]", "I like [1] > [2]")]
    ['missing identifiers', 'repeated identifiers', 'foreign identifiers', 'not a ranking']
    """
    kept = list(range(size))
    text = without_fences(answer).strip()
    if not _RANKING.fullmatch(text):
        return WindowOrder(kept, "not a ranking", answer)
    # Six digits are more than any window has; longer ones are cut so that int() takes them.
    order = [int(number[:6]) - 1 for number in re.findall(r"\d+", text)]
    if any(not 0 <= i < size for i in order):
        return WindowOrder(kept, "foreign identifiers", answer)
    if len({*order}) < len(order):
        return WindowOrder(kept, "repeated identifiers", answer)
    if len(order) < size:
        return WindowOrder(kept, "missing identifiers", answer)
    return WindowOrder(order, OK, answer)
