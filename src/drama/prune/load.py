"""Loading and saving causal LMs, as plain transformers folders. What can't be loaded raises DramaError."""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from drama.errors import DramaError
from drama.files import atomic_folder


def load_causal_lm(folder: Path) -> Any:
    """A causal LM in fp32, in evaluation mode."""
    return _loaded(AutoModelForCausalLM, folder, "this as a causal LM", dtype=torch.float32).eval()


def load_tokenizer(folder: Path) -> Any:
    """A model folder's tokenizer."""
    return _loaded(AutoTokenizer, folder, "its tokenizer")


def load_config(folder: Path) -> Any:
    """A model folder's config."""
    return _loaded(AutoConfig, folder, "its config.json")


def save_causal_lm(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write a plain transformers folder, whole or not at all.

    Raises:
        DramaError: the folder does not give the same logits when transformers loads it.
    """
    rows_BL = torch.arange(16).remainder(model.config.vocab_size).unsqueeze(0)
    with atomic_folder(folder) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        loaded = load_causal_lm(partial)
        loaded.set_attn_implementation(model.config._attn_implementation)  # others round differently
        with torch.inference_mode():
            expected, got = model(input_ids=rows_BL).logits, loaded(input_ids=rows_BL).logits
        if not torch.allclose(expected, got, atol=1e-4):
            raise DramaError(f"{folder}: the saved model does not give the same logits", hint="report this")


def _loaded(cls: Any, folder: Path, what: str, **options: Any) -> Any:
    try:
        return cls.from_pretrained(folder, **options)
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise DramaError(f"{folder}: transformers can't load {what} ({error})") from None
