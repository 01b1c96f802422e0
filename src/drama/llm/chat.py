"""What any chat LLM offers, in this process or behind a server, and what it was asked so far."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from pydantic import Field

from drama.llm.prompt import Messages
from drama.settings import Section


class Sampling(Section):
    """How answers are drawn. Temperature 0 is greedy."""

    max_new_tokens: int = Field(default=32, ge=1)
    temperature: float = Field(default=0.8, ge=0.0)
    top_p: float = Field(default=0.9, gt=0.0, le=1.0)


@dataclass
class Usage:
    """What this process asked of an LLM; answers from the cache cost nothing and are not in it.

    >>> Usage(requests=2, prompt_tokens=30).figures()["prompt_tokens"]
    30
    """

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def figures(self) -> dict[str, int]:
        """As a stage's manifest holds it."""
        return asdict(self)


class ChatModel(Protocol):
    """Prompts in, answers out."""

    name: str
    usage: Usage

    @property
    def identity(self) -> str:
        """Of the model and its arithmetic: part of every cached answer's key."""

    def fits(self, prompt: Messages) -> bool:
        """Whether the model takes a prompt of this length."""

    def together(self, batch_size: int) -> int:
        """How many prompts an answer depends on: those of its batch, or its own only (1)."""

    def generate(
        self, prompts: Sequence[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[str]]:
        """Yield the answers of each batch, in the order of the prompts."""
