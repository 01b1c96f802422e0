"""Listwise by the first token: passages are ordered by the logits of their identifiers where the answer
begins (FIRST, Reddy et al. 2024, section 3). One forward pass per window, and no answer that could be
malformed: for LLMs too small to keep to a format."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from string import ascii_uppercase
from typing import TYPE_CHECKING

from drama.augment.rerank.reranker import OK
from drama.augment.rerank.sliding import SlidingReranker, Window, WindowOrder
from drama.console import progress
from drama.errors import DramaError
from drama.files import fingerprint
from drama.llm import TOO_LONG, Answer, Messages

if TYPE_CHECKING:
    from drama.llm import Engine


@dataclass
class FirstIdentifier(SlidingReranker):
    """Letters as identifiers; each must be one token of the LLM where its answer begins: `A` after a chat
    template, ` A` where a prompt is plain text.

    Raises:
        DramaError: the tokenizer splits a letter.
    """

    largest_window = len(ascii_uppercase)

    def __post_init__(self) -> None:
        self.identifiers = list(ascii_uppercase[: self.window])
        prompt = self.prompt.messages("a query", ["a text", "another"], self.identifiers)
        self.before, self.tokens = first_tokens(self.llm, prompt, self.identifiers)

    def order(self, windows: list[Window]) -> list[WindowOrder]:
        """See `SlidingReranker`."""
        found: list[WindowOrder] = []
        with progress("rerank", len(windows)) as bar, self.cache.flushed():
            for start in range(0, len(windows), self.batch_size):
                batch = windows[start : start + self.batch_size]
                found += self._batch(batch)
                bar.advance(len(batch))
        return found

    def _batch(self, windows: list[Window]) -> list[WindowOrder]:
        from drama.llm.score import next_token_log_probs  # loads torch

        prompts = [self.prompt.messages(*window, self.identifiers) for window in windows]
        of = [self.llm.identity, "first identifier", self.before, self.tokens]
        keys = [fingerprint([*of, prompt]) for prompt in prompts]
        known = [self.cache.get(key) for key in keys]
        new = len(self.before)
        asked = [i for i, answer in enumerate(known) if answer is None and self.llm.fits(prompts[i], new)]
        fresh = next_token_log_probs(
            self.llm, [prompts[i] for i in asked], self.tokens, self.batch_size, self.before
        )
        for i, log_probs in zip(asked, fresh, strict=True):
            known[i] = Answer(json.dumps(log_probs))
        self.cache.put({keys[i]: answer for i in asked if (answer := known[i]) is not None})
        return [_window_order(answer, len(w.texts)) for answer, w in zip(known, windows, strict=True)]


def _window_order(log_probs: Answer | None, size: int) -> WindowOrder:
    order = list(range(size))
    if log_probs is None:
        return WindowOrder(order, TOO_LONG)
    scores = json.loads(log_probs.text)
    return WindowOrder(sorted(order, key=lambda i: -scores[i]), OK)


def first_tokens(engine: "Engine", prompt: Messages, letters: Sequence[str]) -> tuple[list[int], list[int]]:
    """The tokens that begin every answer to a prompt (a space, where a tokenizer keeps it apart), and the
    token of each letter after them.

    Raises:
        DramaError: a letter has more tokens than one, or none of its own.
    """
    found = [engine.continuation(prompt, letter) for letter in letters]
    shared = next(i for i, each in enumerate(zip_longest(*found)) if len({*each}) > 1)
    tokens = [ids[shared] for ids in found if len(ids) == shared + 1]
    if len({*tokens}) == len(letters):
        return found[0][:shared], tokens
    longest = max(range(len(letters)), key=lambda i: len(found[i]))
    raise DramaError(
        f"{engine.name}: '{letters[longest]}' is not one token of this LLM",
        hint="use augment.rerank.method: likelihood or listwise",
    )
