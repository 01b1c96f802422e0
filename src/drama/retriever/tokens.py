"""One way from text to token ids for training, mining, evaluation and serving: BOS + text + EOS.

An encoder's tokenizer (BERT) writes CLS + text + SEP itself and is left as it is.

The retriever's tokenizer is the LLM's without its chat template: sentence-transformers 6 wraps every text
in a template that it finds, and would embed a system prompt with it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerBase

from drama.errors import DramaError
from drama.models.open import open_tokenizer


def retriever_tokenizer(folder: Path) -> Any:
    """Load a tokenizer and make it a retriever's: adds BOS and EOS itself, no chat template, pads right.

    Raises:
        DramaError: the folder holds no fast tokenizer.
    """
    tokenizer = open_tokenizer(folder)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise DramaError(f"{folder}: the tokenizer has no fast (tokenizers) form, which is needed")
    tokenizer.chat_template = None
    tokenizer.padding_side = "right"
    tokenizer.truncation_side = "right"
    if (tokenizer.eos_token or tokenizer.sep_token) is None or tokenizer.pad_token_id is None:
        raise DramaError(f"{folder}: the tokenizer has no padding token, or neither EOS nor SEP")
    _end_with_eos(tokenizer)
    return tokenizer


def _end_with_eos(tokenizer: PreTrainedTokenizerBase) -> None:
    """Have the tokenizer itself write BOS + text + EOS, so that every library gives the same ids."""
    probe = tokenizer("x")["input_ids"]
    bos, eos = tokenizer.bos_token, tokenizer.eos_token
    has_bos = tokenizer.bos_token_id is None or probe[0] == tokenizer.bos_token_id
    if (has_bos and probe[-1] == tokenizer.eos_token_id) or tokenizer.cls_token_id in probe:
        return
    special = [(t, i) for t, i in ((bos, tokenizer.bos_token_id), (eos, tokenizer.eos_token_id)) if t]
    start = f"{bos} " if bos else ""
    second = f"{bos}:1 " if bos else ""
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{start}$A {eos}",
        pair=f"{start}$A {eos} {second}$B:1 {eos}:1",
        special_tokens=special,
    )


def tokenise(tokenizer: Any, texts: Sequence[str], max_length: int) -> list[list[int]]:
    """Token ids of each text, BOS and EOS included, cut to `max_length` (EOS stays)."""
    if not texts:
        return []
    ids: list[list[int]] = tokenizer(list(texts), truncation=True, max_length=max_length)["input_ids"]
    return ids
