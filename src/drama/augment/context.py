"""What the steps of the stage share: its folder, its counters, and access to LLMs."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from drama.compute import Precision
from drama.files import atomic_file
from drama.llm import AnswerCache, ChatModel
from drama.llm.chat import LONGEST_PROMPT
from drama.redact import secret_name
from drama.servers import is_server, server_address
from drama.servers.settings import ServerSettings
from drama.settings import Section
from drama.workers import RaySettings

_OWN = {"model", "messages", "max_tokens", "temperature", "top_p", "seed", "stream", "n"}
"""Parameters of a request that have settings of their own, or none."""


class LLMSettings(Section):
    """Base of the sections that ask an LLM."""

    llm: str = "smollm2-135m"
    """A model for this process, or one on a server: `http://localhost:8000/v1#model-name`."""
    precision: Precision = "auto"
    """Precision of an LLM in this process: `fp32`, `bf16`, or `auto` (bf16 where the processor has it)."""
    batch_size: int = Field(default=8, ge=1)
    """Prompts at once."""
    revision: str = ""
    """Of a server's model, where its name does not say it: another one asks again instead of taking its
    answers from the cache."""
    extra_body: dict[str, Any] = {}
    """More parameters for a server: {chat_template_kwargs: {enable_thinking: false}}."""

    @model_validator(mode="after")
    def _a_server_has_its_own(self) -> Self:
        if is_server(self.llm):
            server_address(self.llm)
            if self.precision != "auto":
                raise ValueError(
                    f"precision {self.precision} is for an LLM in this process; a server has its own"
                )
        elif self.revision or self.extra_body:
            key = "revision" if self.revision else "extra_body"
            raise ValueError(f"{key} is for a server (llm: http://…); its weights identify any other LLM")
        if own := [key for key in self.extra_body if key in _OWN]:
            raise ValueError(f"extra_body.{own[0]}: not a parameter to give here; see sampling and seed")
        if secret := next(_secrets(self.extra_body), None):
            raise ValueError(
                f"extra_body.{secret}: looks like a secret, which would be written into the manifest: "
                "put the key into the environment variable DRAMA_LLM_API_KEY"
            )
        return self

    def identity(self) -> dict[str, Any]:
        """Of a server only the model's name: the same model elsewhere is the same."""
        served = {"llm": server_address(self.llm)[1]} if is_server(self.llm) else {}
        return super().identity() | served

    def open(
        self, server: ServerSettings, ray: RaySettings | None, longest: int = LONGEST_PROMPT
    ) -> ChatModel:
        """The LLM; see `open_chat`."""
        from drama.llm import open_chat  # imports httpx

        return open_chat(self.llm, server, self.precision, longest, ray, self.revision, self.extra_body)


def _secrets(values: Mapping[str, Any]) -> Iterator[str]:
    for key, value in values.items():
        if secret_name(key):
            yield key
        elif isinstance(value, Mapping):
            yield from (f"{key}.{name}" for name in _secrets(value))


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

    @cached_property
    def answers(self) -> AnswerCache:
        """The answers and scores of all LLMs, by content."""
        return AnswerCache(self.store / "answers.sqlite")

    @contextmanager
    def lines(self, name: str) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Write a JSONL file into the stage's folder, row by row; it is there when the block ends well."""
        with atomic_file(self.folder / name) as partial, partial.open("w", encoding="utf-8") as file:
            yield lambda row: print(json.dumps(row, ensure_ascii=False), file=file)
