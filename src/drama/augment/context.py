"""What the steps of the stage share: its folder, its counters, and how an LLM is asked."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from drama.compute import Precision
from drama.files import write_text
from drama.llm import (
    AnswerCache,
    ChatModel,
    Messages,
    Sampling,
    ServerSettings,
    cached_answers,
    is_server,
    open_chat,
)
from drama.settings import Section
from drama.workers import RaySettings

REFUSED = "refused by the server"
"""Outcome of a prompt that a server does not take."""


class LLMSettings(Section):
    """Base of the sections that ask an LLM."""

    llm: str = "smollm2-135m"
    """A model for this process, or a server's: `http://localhost:8000/v1#model-name`."""
    precision: Precision = "auto"
    """Of an LLM in this process: `fp32`, `bf16`, or `auto`: bf16 where the processor has it."""
    batch_size: int = Field(default=8, ge=1)
    """Prompts at once."""

    @model_validator(mode="after")
    def _no_precision_of_a_server(self) -> Self:
        if is_server(self.llm) and self.precision != "auto":
            raise ValueError(
                f"precision {self.precision} is for an LLM in this process; a server has its own"
            )
        return self


@dataclass(frozen=True)
class Context:
    """Where results and answers are written, and how the LLMs are asked."""

    folder: Path
    """The stage's folder, for raw answers and what became of them."""
    store: Path
    """The folder of `answers.sqlite`."""
    seed: int
    """Of every draw and of the sampling."""
    count: Callable[[str], None]
    """One call for each outcome."""
    figures: dict[str, Any]
    """For the manifest: gets what each LLM was asked in this process, as `llm: …`."""
    server: ServerSettings
    """How a server is asked."""
    ray: RaySettings | None = None
    """Where an LLM runs that is not a server's; None is this process."""

    def open_llm(self, settings: LLMSettings) -> ChatModel:
        """The LLM that the settings name.

        Raises:
            DramaError: there is none.
        """
        return open_chat(settings.llm, self.server, settings.precision, ray=self.ray)

    def answer_cache(self) -> AnswerCache:
        """The answers and scores of all LLMs, by content."""
        return AnswerCache(self.store / "answers.sqlite")

    def ask(
        self, llm: ChatModel, chats: Sequence[Messages], sampling: Sampling, batch_size: int, title: str
    ) -> list[str | None]:
        """An answer to each chat; what was answered before is not asked again. None: a server refuses it.

        Raises:
            DramaError: the server does not answer.
        """
        cache = self.answer_cache()
        answers = cached_answers(llm, chats, sampling, batch_size, self.seed, cache, title)
        cache.close()
        return answers

    def write_lines(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write a JSONL file into the stage's folder."""
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_text(self.folder / name, text)
