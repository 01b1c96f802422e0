"""Reranker: what each method derives from, and what it returns."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from drama.augment.prompts.prompt_file import PromptFile
from drama.llm import AnswerCache

OK = "ok"


class Reranked(NamedTuple):
    """One list in the LLM's order.

    `order` holds positions in the given list, best first; `scores` are parallel to it; `outcomes` has one
    entry for each time the LLM was asked about this list; `answers` holds its answers, where it gave text.
    """

    order: list[int]
    scores: list[float]
    outcomes: list[str]
    answers: list[str]


@dataclass
class Reranker(ABC):
    """Orders the documents of each query."""

    prompt_type: ClassVar[type[PromptFile]]
    """The kind of prompt; each method's own has the method's name."""
    needs_logits: ClassVar[bool] = True
    """Whether it works only with an LLM in this process: servers and vLLM return text."""
    largest_window: ClassVar[int | None] = None
    """Passages that fit into one prompt; None: any number, 0: it scores passages one by one."""

    llm: Any
    """A `ChatModel`; an `Engine` where `needs_logits`."""
    prompt: Any
    """A `prompt_type`."""
    cache: AnswerCache
    """Gets every answer and score."""
    batch_size: int
    """Prompts at once."""
    window: int
    """Passages in one prompt, where there are windows."""
    step: int
    """How far a window moves up the list."""

    @abstractmethod
    def rerank(self, queries: Sequence[str], documents: Sequence[Sequence[str]]) -> Iterator[Reranked]:
        """Yield one result for each query and its list of texts, in their order.

        Raises:
            DramaError: the LLM can't be reached.
        """
