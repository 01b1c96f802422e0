"""Chats and the protocol of the LLMs that answer them, in this process or on a server, with their usage."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Protocol, TypeVar

from pydantic import Field

from drama.files import fingerprint
from drama.llm.answer import Answer
from drama.settings import Section

Messages = list[dict[str, str]]
"""The turns of a chat: `role` and `content` of each."""

LONGEST_PROMPT = 1536
"""Tokens of a prompt, which bounds the memory of a batch; a few-shot prompt needs far fewer."""


class Sampling(Section):
    """How answers are sampled. Temperature 0 is greedy."""

    max_new_tokens: int = Field(default=32, ge=1)
    temperature: float = Field(default=0.8, ge=0.0)
    top_p: float = Field(default=0.9, gt=0.0, le=1.0)


@dataclass
class Usage:
    """Requests and tokens of this process; answers from the cache are not counted.

    >>> Usage(requests=2, prompt_tokens=30).figures()["prompt_tokens"]
    30
    >>> Usage(prompt_tokens=2_000_000, completion_tokens=500_000, prices=(0.1, 0.4)).figures()["cost"]
    0.4
    """

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    prices: tuple[float, float] | None = None
    """Price per million tokens of prompts, and of answers."""

    def add(self, other: "Usage") -> None:
        """Add the usage of another process."""
        self.requests += other.requests
        self.retries += other.retries
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens

    def figures(self) -> dict[str, float]:
        """The figures of a stage's manifest; with prices, `cost` too, in their currency."""
        figures = asdict(self)
        if prices := figures.pop("prices"):
            cost = self.prompt_tokens * prices[0] + self.completion_tokens * prices[1]
            figures["cost"] = round(cost / 1e6, 6)
        return figures


class ChatModel(Protocol):
    """Prompts in, answers out."""

    name: str
    usage: Usage

    @property
    def identity(self) -> str:
        """Identifies the model and its arithmetic: part of every cached answer's key."""

    def described(self) -> str:
        """What the model is, as far as its identity does not say it; empty where nothing is known."""
        return ""

    def fits(self, prompt: Messages, new: int = 0) -> bool:
        """Whether the model takes a prompt of this length and `new` tokens after it; a server may still
        refuse it."""
        return True

    def together(self, batch_size: int) -> int:
        """How many prompts an answer depends on: all of its batch, or (here) only its own."""
        return 1

    def as_they_come(
        self, prompts: Iterable[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[tuple[int, Answer]]]:
        """Yield answers as soon as they are there, each with the number of its prompt. Prompts are read as
        they are needed."""


class BatchModel(ChatModel, Protocol):
    """A model that answers batch by batch, in the order of the prompts: all but servers."""

    def generate(
        self, prompts: Iterable[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[Answer]]:
        """Yield the answers of each batch, in the order of the prompts, which are read as they are needed."""

    def as_they_come(
        self, prompts: Iterable[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[tuple[int, Answer]]]:
        """See `ChatModel`."""
        number = 0
        for batch in self.generate(prompts, sampling, batch_size, seed):
            yield list(enumerate(batch, start=number))
            number += len(batch)


T = TypeVar("T")


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items, the last one shorter, read as they are needed.

    >>> list(chunks("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def request_seed(seed: int, prompt: object) -> int:
    """The seed of one request, of 31 bits: with the same seed, requests would share their random numbers, and
    so tend to the same answers.

    >>> request_seed(7, "tea") == request_seed(7, "tea") != request_seed(7, "milk")
    True
    """
    return int(fingerprint([seed, prompt]), 16) % (1 << 31)


def as_text(messages: Messages) -> str:
    """A chat as plain text, for an LLM that was not trained on chats: each answer follows its question,
    and turns are separated by a blank line.

    >>> shot = [{"role": "user", "content": "Tea. Query:"}, {"role": "assistant", "content": "a cup"}]
    >>> as_text([*shot, {"role": "user", "content": "Rain. Query:"}])
    'Tea. Query: a cup\\n\\nRain. Query:'
    """
    text = ""
    for message in messages:
        gap = " " if message["role"] == "assistant" else "\n\n" if text else ""
        text += gap + message["content"].strip()
    return text


def without_system(messages: Messages) -> Messages:
    """A chat whose system turn is part of the first question, for templates that know no system turn.

    >>> without_system([{"role": "system", "content": "Ask."}, {"role": "user", "content": "Tea."}])
    [{'role': 'user', 'content': 'Ask.\\n\\nTea.'}]
    """
    if messages[0]["role"] != "system":
        return messages
    system, first, *rest = messages
    return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]
