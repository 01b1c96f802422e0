"""The LLM in this process: batched generation, a shared prompt prefix computed once.

Legend: B prompts, L tokens of the longest.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from drama.compute import Precision, resolve_precision
from drama.console import note
from drama.errors import DramaError
from drama.files import fingerprint, fingerprint_path
from drama.llm.chat import LONGEST_PROMPT, Sampling, Usage
from drama.llm.decode import decode
from drama.llm.prompt import Messages, as_text, without_system
from drama.llm.rows import Prefix, read_prefix, takes_rows, token_bytes
from drama.models import resolve

LARGEST_CACHE = 1 << 30
"""Bytes of keys and values at once; a batch that needs more is answered in parts."""


class Engine:
    """An LLM. Answers depend on the prompts of their batch and the seed only, not on what came before."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str,
        longest: int = LONGEST_PROMPT,
        precision: Precision = "fp32",
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.chat = bool(tokenizer.chat_template)
        """Whether it was trained on chats; else a prompt is plain text, and an answer one line."""
        self.plain = not takes_rows(model)
        """Whether transformers generates, with padded batches, instead of `decode`: for families that are not
        known here, and to compare with."""
        self.longest = longest
        self.precision = precision
        self.usage = Usage()
        self._prefix: Prefix | None = None

    @property
    def folder(self) -> Path:
        """Where the model was loaded from."""
        return Path(self.model.name_or_path)

    @cached_property
    def weights(self) -> str:
        """A mark of the model's bytes."""
        return fingerprint_path(self.folder)

    @property
    def identity(self) -> str:
        """Of the model's bytes and of the precision it computes in."""
        return f"{self.weights}-{self.precision}"

    def fits(self, prompt: Messages) -> bool:
        """Whether the engine takes a prompt of this length."""
        return len(self.tokens(prompt)) <= self.longest

    def together(self, batch_size: int) -> int:
        """An answer depends on its whole batch: padding changes the rounding, and the draw."""
        return batch_size

    def generate(
        self, prompts: Sequence[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[str]]:
        """Yield the answers of each batch, in the order of the prompts.

        Raises:
            DramaError: a prompt is longer than the engine takes.
        """
        tokens = [self.tokens(p) for p in prompts]
        longest = max(map(len, tokens), default=0)
        if longest > self.longest:
            raise DramaError(f"a prompt of {longest} tokens is longer than {self.longest}")
        for start in range(0, len(tokens), batch_size):
            batch = tokens[start : start + batch_size]
            # Both states are this thread's: they must end before the caller gets control back.
            with torch.inference_mode(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(fingerprint([seed, batch]), 16) % (1 << 63))
                made = self._plain(batch, sampling) if self.plain else self._batch(batch, sampling)
            self.usage.requests += len(batch)
            self.usage.prompt_tokens += sum(map(len, batch))
            self.usage.completion_tokens += sum(map(len, made))
            yield [t.strip() for t in self.tokenizer.batch_decode(made, skip_special_tokens=True)]

    def _batch(self, tokens: list[list[int]], sampling: Sampling) -> list[list[int]]:
        prefix = self.shared_prefix(tokens)
        shared = len(prefix.tokens) if prefix else 0
        room = max(map(len, tokens)) - shared + sampling.max_new_tokens
        size = max(1, LARGEST_CACHE // (room * token_bytes(self.model)))
        rows = [t[shared:] for t in tokens]
        parts = [rows[i : i + size] for i in range(0, len(rows), size)]
        return [new for part in parts for new in decode(self.model, prefix, part, sampling, self.ends)]

    def shared_prefix(self, tokens: Sequence[list[int]]) -> Prefix | None:
        """What all prompts of a batch begin with, read by the model; kept for the next batch.

        Of the batch alone, so that its rounding, and with it the answers, depend on nothing else.
        """
        shared = _common_prefix(tokens) if len(tokens) > 1 else 0
        if not shared:
            return None
        if self._prefix is None or self._prefix.tokens != tokens[0][:shared]:
            self._prefix = read_prefix(self.model, tokens[0][:shared])
        return self._prefix

    def _plain(self, tokens: list[list[int]], sampling: Sampling) -> list[list[int]]:
        longest = max(map(len, tokens))
        pad = self.tokenizer.pad_token_id
        how: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            how = {
                "do_sample": True,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": 0,
            }
        done_BL = self.model.generate(
            input_ids=torch.tensor([[pad] * (longest - len(t)) + t for t in tokens]),
            attention_mask=torch.tensor([[0] * (longest - len(t)) + [1] * len(t) for t in tokens]),
            max_new_tokens=sampling.max_new_tokens,
            pad_token_id=pad,
            eos_token_id=sorted(self.ends) or None,
            **how,
        )
        return [list(takewhile(lambda t: t not in self.ends, row)) for row in done_BL[:, longest:].tolist()]

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end an answer: the model's own, and the end of the line where it is no chat model."""
        ends = self.model.generation_config.eos_token_id
        own = ends if isinstance(ends, list) else [] if ends is None else [ends]
        return frozenset(own if self.chat else [*own, *_line_ends(self.tokenizer)])

    @cached_property
    def _takes_system(self) -> bool:
        """Whether the chat template knows a system turn; Gemma 2's and Mistral's first ones refuse it."""
        from jinja2 import TemplateError

        chat = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
        try:
            self.tokenizer.apply_chat_template(chat, tokenize=False)
        except TemplateError:
            return False
        return True

    def tokens(self, prompt: Messages) -> list[int]:
        """Token ids of a chat, up to where its answer begins."""
        if not self.chat:
            plain: list[int] = self.tokenizer(as_text(prompt))["input_ids"]
            return plain
        chat = prompt if self._takes_system else without_system(prompt)
        text = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def load_engine(
    name: str | Path, precision: Precision = "auto", longest: int = LONGEST_PROMPT, weights: bool = True
) -> Engine:
    """Load an LLM: a folder, a short name, a GGUF file or a hub id.

    Args:
        name: see `drama.models.resolve`.
        precision: of weights and arithmetic; `auto` is bf16 where the processor multiplies it natively.
        longest: tokens of a prompt at most; above LONGEST_PROMPT the model's own context is a bound too.
        weights: without them the engine can tell tokens, lengths and its identity, and generate nothing.

    Raises:
        DramaError: no such model.
    """
    folder = resolve(name)
    resolved = resolve_precision(precision, torch.device("cpu"))
    dtype = torch.bfloat16 if resolved == "bf16" else torch.float32
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        if weights:
            model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
        else:
            with torch.device("meta"):
                model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder), dtype=dtype)
            if (folder / "generation_config.json").is_file():  # where an answer ends
                model.generation_config = GenerationConfig.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise DramaError(f"{folder}: transformers can't load this LLM ({error})") from None
    if not tokenizer.chat_template:
        note(f"{name}: no chat model; prompts go in as plain text, and an answer ends with its line")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.eval()
    # What the model's own file says of sampling (a top_k, a repetition penalty) is no setting of ours.
    model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id)
    context = max(LONGEST_PROMPT, getattr(model.config, "max_position_embeddings", None) or longest)
    return Engine(model, tokenizer, str(name), longest=min(longest, context), precision=resolved)


def _line_ends(tokenizer: Any) -> list[int]:
    """Tokens with the end of a line in them, which vocabularies write in three ways."""
    ways = ("\n", "Ċ", "<0x0A>")
    maybe = [i for token, i in tokenizer.get_vocab().items() if any(way in token for way in ways)]
    return [i for i in maybe if "\n" in tokenizer.decode([i])]


def _common_prefix(tokens: Sequence[Sequence[int]]) -> int:
    """How many first tokens all prompts share; at least one token is left over for each."""
    shortest = min(map(len, tokens)) - 1
    first = tokens[0]
    for i in range(shortest):
        if any(t[i] != first[i] for t in tokens):
            return i
    return max(0, shortest)
