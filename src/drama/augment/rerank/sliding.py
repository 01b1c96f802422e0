"""Sliding windows: a list that is too long for one prompt is ordered from its bottom up (RankGPT, Sun et al.
2023, section 4). The best of each window climb into the next one."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from drama.augment.prompts.list_prompt import ListPrompt
from drama.augment.rerank.reranker import Reranked, Reranker


class Window(NamedTuple):
    """Part of a list, for one prompt."""

    query: str
    texts: list[str]


class WindowOrder(NamedTuple):
    """Positions in the window, best first (as given where the outcome is not `ok`)."""

    order: list[int]
    outcome: str
    answer: str = ""


def window_spans(length: int, window: int, step: int) -> list[tuple[int, int]]:
    """(start, end) of each window, from the bottom of the list to its top.

    >>> window_spans(20, 10, 5)
    [(10, 20), (5, 15), (0, 10)]
    >>> window_spans(12, 10, 5), window_spans(4, 10, 5)
    ([(2, 12), (0, 7)], [(0, 4)])
    """
    end, spans = length, []
    while True:
        start = max(0, end - window)
        spans.append((start, end))
        if start == 0:
            return spans
        end -= step


class SlidingReranker(Reranker):
    """Base of the methods that order a list window by window. Scores are 1 / rank: those of different windows
    can't be compared."""

    prompt_type = ListPrompt

    @abstractmethod
    def order(self, windows: list[Window]) -> list[WindowOrder]:
        """The order of each window."""

    def rerank(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> Iterator[Reranked]:
        """See `Reranker`. In each turn the next windows of all lists are ordered together."""
        orders = [list(range(len(texts))) for texts in documents]
        spans = [window_spans(len(texts), self.window, self.step) for texts in documents]
        outcomes: list[list[str]] = [[] for _ in documents]
        answers: list[list[str]] = [[] for _ in documents]
        for turn in range(max(map(len, spans), default=0)):
            rows = [row for row, each in enumerate(spans) if turn < len(each)]
            windows = []
            for row in rows:
                start, end = spans[row][turn]
                windows.append(Window(queries[row], [documents[row][i] for i in orders[row][start:end]]))
            for row, found in zip(rows, self.order(windows), strict=True):
                start, end = spans[row][turn]
                part = orders[row][start:end]
                orders[row][start:end] = [part[i] for i in found.order]
                outcomes[row].append(found.outcome)
                answers[row].append(found.answer)
        for order, each, said in zip(orders, outcomes, answers, strict=True):
            yield Reranked(order, [1 / rank for rank in range(1, len(order) + 1)], each, said)
