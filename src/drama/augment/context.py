"""What the steps of the stage share: its folder, its counters, and access to LLMs."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from drama.compute import Precision
from drama.files import write_text
from drama.llm import AnswerCache, ChatModel, ServerSettings, is_server, open_chat, server_address
from drama.settings import Section
from drama.workers import RaySettings

REFUSED = "refused by the server"
"""Outcome of a prompt that a server does not accept."""


class LLMSettings(Section):
    """Base of the sections that ask an LLM."""

    llm: str = "smollm2-135m"
    """A model for this process, or one on a server: `http://localhost:8000/v1#model-name`."""
    precision: Precision = "auto"
    """Precision of an LLM in this process: `fp32`, `bf16`, or `auto` (bf16 where the processor has it)."""
    batch_size: int = Field(default=8, ge=1)
    """Prompts at once."""

    @model_validator(mode="after")
    def _no_precision_of_a_server(self) -> Self:
        if is_server(self.llm) and self.precision != "auto":
            raise ValueError(
                f"precision {self.precision} is for an LLM in this process; a server has its own"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """Of a server only the model's name: the same model elsewhere is the same."""
        served = {"llm": server_address(self.llm)[1]} if is_server(self.llm) else {}
        return super().identity() | served


@dataclass(frozen=True)
class Context:
    """Where results and answers are written, and how LLMs are reached."""

    folder: Path
    """The stage's folder, for raw answers and their outcomes."""
    store: Path
    """The folder of `answers.sqlite`."""
    seed: int
    """Seed of every draw and of the sampling."""
    count: Callable[[str], None]
    """One call for each outcome."""
    figures: dict[str, Any]
    """Figures of the manifest; gets the usage of each LLM in this process, as `llm: …`."""
    server: ServerSettings
    """How requests are sent to a server."""
    ray: RaySettings | None = None
    """Actors for an LLM that is not a server's; None: it runs in this process."""

    def open_llm(self, settings: LLMSettings) -> ChatModel:
        """The LLM that the settings name."""
        return open_chat(settings.llm, self.server, settings.precision, ray=self.ray)

    @cached_property
    def answers(self) -> AnswerCache:
        """The answers and scores of all LLMs, by content."""
        return AnswerCache(self.store / "answers.sqlite")

    def write_lines(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """Write a JSONL file into the stage's folder."""
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        write_text(self.folder / name, text)
