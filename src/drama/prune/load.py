"""Loading and saving causal LMs, as plain transformers folders. What can't be loaded raises DramaError."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from drama.errors import DramaError
from drama.files import atomic_folder
from drama.models.files import write_sums
from drama.models.open import open_model, open_tokenizer


def load_causal_lm(folder: Path) -> Any:
    """A causal LM in fp32, in evaluation mode."""
    return open_model(AutoModelForCausalLM, folder, torch.float32)


def load_tokenizer(folder: Path) -> Any:
    """A model folder's tokenizer, which has an EOS: it separates texts."""
    return open_tokenizer(folder, needs_end=True)


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
        write_sums(partial)
