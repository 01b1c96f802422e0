"""The LLM in this process: batched generation, a shared prompt prefix computed once.

Legend: B prompts, P tokens of the shared prefix, S tokens of the longest rest, L = P + S.

A batch is laid out as prefix, padding, rest. The prefix's keys and values are computed once, and kept for
the next batch where that begins alike; the padding between is masked, and positions count real tokens only.
"""

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from drama.errors import DramaError
from drama.llm.chat import Sampling, Usage
from drama.llm.prompt import Messages
from drama.models import Precision, resolve, resolve_precision
from drama.workspace import fingerprint, fingerprint_path

LONGEST_PROMPT = 1536
"""Tokens of a prompt; far more than a few-shot prompt needs, and what bounds the memory of a batch."""


class Engine:
    """A chat LLM. Answers depend on the prompts of their batch and the seed only, not on what came before."""

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str,
        share_prefix: bool = True,
        longest: int = LONGEST_PROMPT,
        precision: str = "fp32",
    ) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.name = name
        self.share_prefix = share_prefix
        self.longest = longest
        self.precision = precision
        self.usage = Usage()
        self._prefix: tuple[list[int], Any] | None = None

    @cached_property
    def identity(self) -> str:
        """Of the model's bytes and of the precision it computes in."""
        return f"{fingerprint_path(Path(self.model.name_or_path))}-{self.precision}"

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
            # Of the batch alone, so that its rounding, and with it the answers, depend on nothing else.
            shared = _common_prefix(batch) if self.share_prefix and len(batch) > 1 else 0
            # Both states are this thread's: they must end before the caller gets control back.
            with torch.inference_mode(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(fingerprint([seed, batch]), 16) % (1 << 63))
                answers = self._batch(batch, shared, sampling)
            yield answers

    def _batch(self, tokens: list[list[int]], shared: int, sampling: Sampling) -> list[str]:
        rest = max(map(len, tokens)) - shared
        pad = self.tokenizer.pad_token_id
        rows = [t[:shared] + [pad] * (rest - len(t) + shared) + t[shared:] for t in tokens]
        mask = [[1] * shared + [0] * (rest - len(t) + shared) + [1] * (len(t) - shared) for t in tokens]
        how: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            how = {
                "do_sample": True,
                "temperature": sampling.temperature,
                "top_p": sampling.top_p,
                "top_k": 0,
            }
        if shared:
            how["past_key_values"] = self._cached_prefix(tokens[0][:shared], len(tokens))
        done_BL = self.model.generate(
            input_ids=torch.tensor(rows),
            attention_mask=torch.tensor(mask),
            max_new_tokens=sampling.max_new_tokens,
            pad_token_id=pad,
            **how,
        )
        new_BS = done_BL[:, shared + rest :]
        self.usage.requests += len(tokens)
        self.usage.prompt_tokens += sum(map(len, tokens))
        self.usage.completion_tokens += int((new_BS != pad).sum())
        return [t.strip() for t in self.tokenizer.batch_decode(new_BS, skip_special_tokens=True)]

    def _cached_prefix(self, prefix: list[int], size: int) -> Any:
        """Keys and values of the prefix, repeated for a batch."""
        if self._prefix is None or self._prefix[0] != prefix:
            cache = DynamicCache(config=self.model.config)
            self.model(input_ids=torch.tensor([prefix]), past_key_values=cache, use_cache=True)
            self._prefix = prefix, cache
        cache = copy.deepcopy(self._prefix[1])
        cache.batch_repeat_interleave(size)
        return cache

    def tokens(self, prompt: Messages) -> list[int]:
        """Token ids of a chat, up to where its answer begins."""
        text = self.tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def load_engine(name: str | Path, precision: Precision = "auto", longest: int = LONGEST_PROMPT) -> Engine:
    """Load a chat LLM: a folder, a short name, a GGUF file or a hub id.

    Args:
        name: see `drama.models.resolve`.
        precision: of weights and arithmetic; `auto` is bf16 where the processor multiplies it natively.
        longest: tokens of a prompt at most; above LONGEST_PROMPT the model's own context is a bound too.

    Raises:
        DramaError: no such model, or its tokenizer has no chat template.
    """
    folder = resolve(name)
    resolved = resolve_precision(precision, torch.device("cpu"))
    dtype = torch.bfloat16 if resolved == "bf16" else torch.float32
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    except (OSError, ValueError, KeyError) as error:
        raise DramaError(f"{folder}: transformers can't load this LLM ({error})") from None
    if not tokenizer.chat_template:
        raise DramaError(f"{name}: the tokenizer has no chat template", hint="use an instruct model")
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    model.eval()
    model.generation_config.top_k = None
    context = max(LONGEST_PROMPT, getattr(model.config, "max_position_embeddings", None) or longest)
    return Engine(model, tokenizer, str(name), longest=min(longest, context), precision=resolved)


def _common_prefix(tokens: Sequence[Sequence[int]]) -> int:
    """How many first tokens all prompts share; at least one token is left over for each."""
    shortest = min(map(len, tokens)) - 1
    first = tokens[0]
    for i in range(shortest):
        if any(t[i] != first[i] for t in tokens):
            return i
    return max(0, shortest)
