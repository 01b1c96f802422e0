"""Listwise by the first token: passages are ordered by the logits of their identifiers where the answer
begins (FIRST, Reddy et al. 2024, section 3). One forward pass per window, and no answer that could be
malformed: for LLMs too small to keep to a format."""

import json
from dataclasses import dataclass
from string import ascii_uppercase
from typing import TYPE_CHECKING

from drama.augment.rerank.reranker import OK, TOO_LONG
from drama.augment.rerank.sliding import SlidingReranker, Window, WindowOrder
from drama.console import progress
from drama.errors import DramaError
from drama.files import fingerprint

if TYPE_CHECKING:
    from drama.llm import Engine


@dataclass
class FirstIdentifier(SlidingReranker):
    """Letters as identifiers; each must be one token of the LLM.

    Raises:
        DramaError: the tokenizer splits a letter.
    """

    largest_window = len(ascii_uppercase)

    def __post_init__(self) -> None:
        self.identifiers = list(ascii_uppercase[: self.window])
        self.tokens = [_token(self.llm, letter) for letter in self.identifiers]

    def order(self, windows: list[Window]) -> list[WindowOrder]:
        """See `SlidingReranker`."""
        found: list[WindowOrder] = []
        with progress("rerank", len(windows)) as bar:
            for start in range(0, len(windows), self.batch_size):
                batch = windows[start : start + self.batch_size]
                found += self._batch(batch)
                bar.advance(len(batch))
        return found

    def _batch(self, windows: list[Window]) -> list[WindowOrder]:
        from drama.llm.score import next_token_log_probs  # loads torch

        prompts = [self.prompt.messages(*window, self.identifiers) for window in windows]
        keys = [fingerprint([self.llm.identity, "first identifier", p, self.tokens]) for p in prompts]
        known = [self.cache.get(key) for key in keys]
        asked = [i for i, text in enumerate(known) if text is None and self.llm.fits(prompts[i])]
        fresh = next_token_log_probs(self.llm, [prompts[i] for i in asked], self.tokens, self.batch_size)
        for i, log_probs in zip(asked, fresh, strict=True):
            known[i] = json.dumps(log_probs)
        self.cache.put({keys[i]: text for i in asked if (text := known[i]) is not None})
        return [_window_order(text, len(w.texts)) for text, w in zip(known, windows, strict=True)]


def _window_order(log_probs: str | None, size: int) -> WindowOrder:
    order = list(range(size))
    if log_probs is None:
        return WindowOrder(order, TOO_LONG)
    scores = json.loads(log_probs)
    return WindowOrder(sorted(order, key=lambda i: -scores[i]), OK)


def _token(engine: "Engine", letter: str) -> int:
    ids: list[int] = engine.tokenizer(letter, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        raise DramaError(
            f"{engine.name}: '{letter}' is not one token of this LLM",
            hint="use augment.rerank.method: likelihood or listwise",
        )
    return ids[0]
