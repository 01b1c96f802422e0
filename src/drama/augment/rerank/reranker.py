"""Reranker: what each method derives from, and what it returns."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from drama.augment.prompts.prompt_file import PromptFile
from drama.llm import AnswerCache

OK = "ok"
TOO_LONG = "too long for the LLM"


class Reranked(NamedTuple):
    """One list in the LLM's order.

    `order` holds positions in the given list, best first; `scores` are parallel to it; `outcomes` has one
    entry for each time the LLM was asked about this list; `answers` holds its answers, where it gave text.
    """

    order: list[int]
    scores: list[float]
    outcomes: list[str]
    answers: list[str]


class Reranker(ABC):
    """Orders the documents of each query.

    Args:
        llm: a `ChatModel`; an `Engine` where `needs_logits`.
        prompt: a `prompt_type`.
        cache: gets every answer and score.
        batch_size: prompts at once.
        window: passages in one prompt, where there are windows.
        step: how far a window moves up the list.
    """

    prompt_type: ClassVar[type[PromptFile]]
    """The kind of prompt; each method's own has the method's name."""
    needs_logits: ClassVar[bool] = True
    """Whether it works only with an LLM in this process: servers and vLLM return text."""
    largest_window: ClassVar[int | None] = None
    """Passages that fit into one prompt; None: any number, 0: it scores passages one by one."""

    def __init__(
        self, llm: Any, prompt: Any, cache: AnswerCache, batch_size: int, window: int, step: int
    ) -> None:
        self.llm, self.prompt, self.cache = llm, prompt, cache
        self.batch_size, self.window, self.step = batch_size, window, step

    @abstractmethod
    def rerank(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> Iterator[Reranked]:
        """Yield one result for each query and its list of texts, in their order.

        Raises:
            DramaError: the LLM can't be reached.
        """
