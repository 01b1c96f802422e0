"""The LLM in this process: transformers' `generate` in batches, with a shared prompt prefix computed once.

Legend: B prompts, L tokens of the longest, N new tokens.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, GenerationConfig

from drama.compute import Precision, resolve_precision
from drama.console import note
from drama.errors import DramaError
from drama.files import fingerprint, fingerprint_path
from drama.llm.answer import Answer
from drama.llm.chat import (
    LONGEST_PROMPT,
    BatchModel,
    Messages,
    Sampling,
    Usage,
    as_text,
    chunks,
    without_system,
)
from drama.llm.escape import Shield
from drama.llm.prefix import Prefix, common_prefix, keeps_prefixes, padded, token_bytes
from drama.llm.thinking import MARKS
from drama.models import resolve
from drama.models.open import open_config, open_model, open_tokenizer
from drama.models.opening import opening

LARGEST_CACHE = 1 << 30
"""Bytes of keys and values at once; a batch that needs more is split."""


class Engine(BatchModel):
    """An LLM. Answers depend only on the prompts of their batch and the seed, not on earlier batches."""

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
        """Whether it was trained on chats; if not, a prompt is plain text, and an answer one line."""
        self.share_prefix = keeps_prefixes(model)
        """Whether the common prefix of a batch goes through the model only once."""
        config = model.config.get_text_config(decoder=True)
        self.context: int | None = getattr(config, "max_position_embeddings", None)
        """Tokens of a prompt and its answer at most, where the model has such a limit."""
        self.longest = min(longest, self.context or longest)
        """Tokens of a prompt at most."""
        self.precision = precision
        self.usage = Usage()
        self._prefix: Prefix | None = None

    @property
    def folder(self) -> Path:
        """Where the model was loaded from."""
        return Path(self.model.name_or_path)

    @cached_property
    def weights(self) -> str:
        """A fingerprint of the model's files."""
        return fingerprint_path(self.folder)

    @property
    def identity(self) -> str:
        """The fingerprint of the model's files, and the precision it computes in."""
        return f"{self.weights}-{self.precision}"

    def fits(self, prompt: Messages, new: int = 0) -> bool:
        """Whether the engine takes a prompt of this length and `new` tokens after it."""
        return len(self.tokens(prompt)) <= self._room(new)

    def _room(self, new: int) -> int:
        """Tokens of a prompt at most, where `new` ones follow."""
        return self.longest if self.context is None else min(self.longest, self.context - new)

    def together(self, batch_size: int) -> int:
        """The whole batch: padding changes the rounding, and so the draws."""
        return batch_size

    def generate(
        self, prompts: Iterable[Messages], sampling: Sampling, batch_size: int, seed: int = 0
    ) -> Iterator[list[Answer]]:
        """Yield the answers of each batch, in the order of the prompts.

        Raises:
            DramaError: a prompt and its answer are longer than the engine takes.
        """
        for some in chunks(prompts, batch_size):
            batch = [self.tokens(prompt) for prompt in some]
            self.check_length(batch, sampling.max_new_tokens)
            # Both states are this thread's: they must end before the caller gets control back.
            with torch.inference_mode(), torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(fingerprint([seed, batch]), 16) % (1 << 63))
                answers, cut = self._answers(batch, sampling)
            self.usage.requests += len(batch)
            self.usage.prompt_tokens += sum(map(len, batch))
            self.usage.completion_tokens += sum(map(len, answers))
            yield self.decoded(answers, cut)

    def decoded(self, answers: Sequence[list[int]], cut: Sequence[bool]) -> list[Answer]:
        """Answers from their tokens, and whether each was cut off. Special tokens are left out, but for marks
        of thinking."""
        kept = [[token for token in answer if token not in self._left_out] for answer in answers]
        texts: list[str] = self.tokenizer.batch_decode(kept, skip_special_tokens=False)
        return [
            Answer(text.strip(), "cut off" if off else "end") for text, off in zip(texts, cut, strict=True)
        ]

    @cached_property
    def _left_out(self) -> frozenset[int]:
        added = self.tokenizer.added_tokens_decoder.items()
        special = {i for i, token in added if token.special} | {*self.tokenizer.all_special_ids}
        return frozenset(i for i in special if self.tokenizer.convert_ids_to_tokens(i) not in MARKS)

    def check_length(self, prompts: Sequence[list[int]], new: int = 0) -> None:
        """Raise a DramaError where a prompt, or a prompt and `new` tokens, are more than the engine takes."""
        longest = max(map(len, prompts), default=0)
        if longest > self.longest:
            raise DramaError(f"a prompt of {longest} tokens is longer than {self.longest}")
        if longest > self._room(new):
            raise DramaError(
                f"a prompt of {longest} tokens and an answer of up to {new} are more than the {self.context} "
                f"tokens of {self.name}'s context",
                hint="lower max_new_tokens, or shorten the prompt",
            )

    def _answers(self, batch: Sequence[list[int]], sampling: Sampling) -> tuple[list[list[int]], list[bool]]:
        """The new tokens of each row, without the token that ends it, and whether there is none."""
        how: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            how = {"do_sample": True, "top_k": 0}
            how |= {"temperature": sampling.temperature, "top_p": sampling.top_p}
        answers, cut = [], []
        for inputs in self.inputs(batch, sampling.max_new_tokens):
            done_BL = self.model.generate(
                **inputs,
                max_new_tokens=sampling.max_new_tokens,
                pad_token_id=self.tokenizer.pad_token_id,
                eos_token_id=sorted(self.ends) or None,
                **how,
            )
            new_BN = done_BL[:, inputs["input_ids"].shape[1] :]
            for row in new_BN.tolist():
                answers.append(list(takewhile(lambda t: t not in self.ends, row)))
                cut.append(len(answers[-1]) == len(row))
        return answers, cut

    def inputs(
        self, rows: Sequence[list[int]], new: int = 0, wanted: Sequence[int] | None = None
    ) -> Iterator[dict[str, Any]]:
        """The model's inputs: ids, mask and, where the rows share a prefix, a cache that holds it.

        The ids hold the prefix too. A batch whose keys and values would outgrow LARGEST_CACHE is split.

        Args:
            rows: token ids.
            new: tokens that will be generated after each row.
            wanted: last tokens of each row whose logits are needed; 1 by default.
        """
        longest = max(map(len, rows)) + new
        size = max(1, LARGEST_CACHE // (longest * token_bytes(self.model)))
        beginnings = (
            rows if wanted is None else [r[: len(r) - n + 1] for r, n in zip(rows, wanted, strict=True)]
        )
        prefix = self._shared_prefix(beginnings, longest)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            ids_BL, mask_BL = padded(part, len(prefix.tokens) if prefix else 0, self.tokenizer.pad_token_id)
            inputs: dict[str, Any] = {"input_ids": ids_BL, "attention_mask": mask_BL}
            yield inputs | ({"past_key_values": prefix.repeated(len(part))} if prefix else {})

    def _shared_prefix(self, rows: Sequence[list[int]], longest: int) -> Prefix | None:
        """The common prefix of a batch, with its keys and values; kept for the next batch.

        It depends on the batch alone, and so do its rounding and the answers. None where padding between the
        prefix and the rest would use up positions of a sliding window.
        """
        if not self.share_prefix or len(rows) < 2 or not (shared := common_prefix(rows)):
            return None
        window = getattr(self.model.config.get_text_config(decoder=True), "sliding_window", None)
        if window is not None and longest > window:
            return None
        if self._prefix is None or self._prefix.tokens != rows[0][:shared]:
            self._prefix = Prefix(self.model, rows[0][:shared])
        return self._prefix

    @cached_property
    def ends(self) -> frozenset[int]:
        """Tokens that end an answer: the model's own; for a base model also the end of the line."""
        ends = self.model.generation_config.eos_token_id
        own = ends if isinstance(ends, list) else [] if ends is None else [ends]
        return frozenset(own if self.chat else [*own, *_line_ends(self.tokenizer)])

    @cached_property
    def _takes_system(self) -> bool:
        """Whether the chat template has a system turn; those of Gemma 2 and the first Mistral refuse it."""
        from jinja2 import TemplateError

        chat = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
        try:
            self.tokenizer.apply_chat_template(chat, tokenize=False)
        except TemplateError:
            return False
        return True

    @cached_property
    def _controls(self) -> frozenset[str]:
        """Tokens that structure a chat: special ones, and others that its template writes."""
        template = str(self.tokenizer.chat_template or "")
        added = self.tokenizer.added_tokens_decoder.values()
        return frozenset(
            token.content
            for token in added
            if len(token.content.strip()) > 1 and (token.special or token.content in template)
        )

    def tokens(self, prompt: Messages, answer: str = "") -> list[int]:
        """Token ids of a chat, up to where its answer begins; of the answer too, if one is given.

        A control token that is written in a turn (`<|im_end|>` in a document about chats) is tokenized as the
        text it is: it ends no turn.
        """
        shield = Shield(self._controls)
        covered = shield.cover([*prompt, {"role": "assistant", "content": answer}] if answer else prompt)
        if answer:
            *covered, last = covered
            answer = last["content"]
        text = self._text(covered) + (self._gap + answer if answer else "")
        parts: list[str] = []
        for piece, is_text in shield.pieces(text):
            # Apart, the first character of a control token and the rest of it are no token of their own.
            parts += [piece[:1], piece[1:]] if is_text else [piece]
        ids: list[int] = []
        for number, part in enumerate(parts):
            begins = number == 0 and not self.chat  # a template writes its own beginning
            ids += self.tokenizer(part, add_special_tokens=begins)["input_ids"]
        return ids

    def continuation(self, prompt: Messages, answer: str) -> list[int]:
        """Token ids of an answer as they follow the prompt's: a base LLM's next word begins with its
        space."""
        start, whole = self.tokens(prompt), self.tokens(prompt, answer)
        if whole[: len(start)] == start:
            return whole[len(start) :]
        ids: list[int] = self.tokenizer(self._gap + answer, add_special_tokens=False)["input_ids"]
        return ids

    @cached_property
    def _gap(self) -> str:
        """What is between a prompt and its answer: a space where a prompt is plain text, or where the chat
        template writes one (`[/INST] answer`)."""
        if not self.chat:
            return " "
        chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "xyz"}]
        start = self._text(chat[:1])
        whole = self.tokenizer.apply_chat_template(chat, tokenize=False)
        return " " if whole.startswith(f"{start} xyz") else ""

    def _text(self, prompt: Messages) -> str:
        if not self.chat:
            return as_text(prompt)
        chat = prompt if self._takes_system else without_system(prompt)
        text: str = self.tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        return text


def load_engine(
    name: str | Path, precision: Precision = "auto", longest: int = LONGEST_PROMPT, weights: bool = True
) -> Engine:
    """Load an LLM: a folder, a short name, a GGUF file or a hub id.

    Args:
        name: see `drama.models.resolve`.
        precision: of weights and arithmetic; `auto` is bf16 where the processor multiplies it natively.
        longest: most tokens of a prompt; the model's own context is a limit too.
        weights: without them the engine can tokenize and has an identity, but can't generate.

    Raises:
        DramaError: no such model.
    """
    folder = resolve(name)
    resolved = resolve_precision(precision, torch.device("cpu"))
    dtype = torch.bfloat16 if resolved == "bf16" else torch.float32
    tokenizer = open_tokenizer(folder, needs_end=True)
    if weights:
        model = open_model(AutoModelForCausalLM, folder, dtype)
    else:
        with opening(folder, "LLM"), torch.device("meta"):
            model = AutoModelForCausalLM.from_config(open_config(folder), dtype=dtype).eval()
            if (folder / "generation_config.json").is_file():  # where an answer ends
                model.generation_config = GenerationConfig.from_pretrained(folder)
    if not tokenizer.chat_template:
        note(f"{name}: not a chat model; prompts are plain text, and an answer ends with its line")
    # The sampling of the model's own file (a top_k, a repetition penalty) is not applied.
    model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id)
    return Engine(model, tokenizer, str(name), longest, resolved)


def _line_ends(tokenizer: Any) -> list[int]:
    """Tokens with a line break in them, which vocabularies write in three ways."""
    ways = ("\n", "Ċ", "<0x0A>")
    maybe = [i for token, i in tokenizer.get_vocab().items() if any(way in token for way in ways)]
    return [i for i in maybe if "\n" in tokenizer.decode([i])]
