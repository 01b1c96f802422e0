"""What a part of the stage that asks an LLM needs to know of the stage."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drama.compute import Precision
from drama.llm import (
    AnswerCache,
    ChatModel,
    Messages,
    Sampling,
    ServerSettings,
    cached_answers,
    open_chat,
)
from drama.workers import RaySettings

REFUSED = "refused by the server"
"""Outcome of a prompt that a server does not take."""


@dataclass(frozen=True)
class LLMRun:
    """Where answers go and how the LLM is asked."""

    folder: Path
    """Raw answers, and what became of them, go here."""
    store: Path
    """`answers.sqlite` goes here."""
    seed: int
    """Of every draw and of the sampling."""
    count: Callable[[str], None]
    """One call for the outcome of each answer."""
    figures: dict[str, Any]
    """Gets what the LLM was asked in this process, as `llm: …`."""
    server: ServerSettings
    """How the LLM is asked, where it is a server's."""
    ray: RaySettings | None = None
    """Where it runs, where it is not; None is this process."""

    def open(self, llm: str, precision: Precision) -> ChatModel:
        """The LLM of that name.

        Raises:
            DramaError: there is none.
        """
        return open_chat(llm, self.server, precision, ray=self.ray)

    def ask(
        self, llm: ChatModel, chats: Sequence[Messages], sampling: Sampling, batch_size: int, title: str
    ) -> list[str | None]:
        """An answer to each chat; what was answered before is not asked again. None: a server refuses it.

        Raises:
            DramaError: the server does not answer.
        """
        cache = AnswerCache(self.store / "answers.sqlite")
        answers = cached_answers(llm, chats, sampling, batch_size, self.seed, cache, title)
        cache.close()
        return answers
