"""Reranker: what each method derives from, and what it returns."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from drama.llm import AnswerCache

OK = "ok"
TOO_LONG = "too long for the LLM"


class Reranked(NamedTuple):
    """One list in the LLM's order.

    `order` holds positions in the given list, best first; `scores` are parallel to it; `outcomes` has one
    entry for each time the LLM was asked about this list; `answers` what it said, where it said something.
    """

    order: list[int]
    scores: list[float]
    outcomes: list[str]
    answers: list[str]


class Reranker(ABC):
    """Orders the documents of each query.

    Args:
        llm: a `ChatModel`; an `Engine` where `needs_logits`.
        prompt: as `load_prompt` reads it.
        cache: gets every answer and score.
        batch_size: prompts at once.
        window: passages in one prompt, where there are windows.
        step: how far a window moves up the list.
    """

    needs_logits: ClassVar[bool] = True
    """Whether it works with an LLM in this process only: servers and vLLM give text."""
    largest_window: ClassVar[int | None] = None
    """Passages that fit into one prompt; None: any number, 0: it scores passages one by one."""

    def __init__(
        self, llm: Any, prompt: Any, cache: AnswerCache, batch_size: int, window: int = 20, step: int = 10
    ) -> None:
        self.llm, self.prompt, self.cache = llm, prompt, cache
        self.batch_size, self.window, self.step = batch_size, window, step

    @staticmethod
    @abstractmethod
    def load_prompt(name: str) -> Any:
        """The method's own prompt by its name, or a user's YAML file by path.

        Raises:
            DramaError: no such prompt, or a broken one.
        """

    @abstractmethod
    def rerank(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> Iterator[Reranked]:
        """Yield one result for each query and its list of texts, in their order.

        Raises:
            DramaError: the LLM can't be reached.
        """


def by_rank(order: list[int], outcomes: list[str], answers: list[str]) -> Reranked:
    """A result of a method that gives an order only: the score is 1 / rank."""
    return Reranked(order, [1 / rank for rank in range(1, len(order) + 1)], outcomes, answers)
