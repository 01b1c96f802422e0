"""Cutting the vocabulary of a parent before it is pruned. The rest of the stage sees a parent with fewer
tokens that computes the same for those that stay.

Legend: V tokens, U of them stay, D hidden.
"""

import copy
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from drama.errors import DramaError
from drama.prune.vocabulary.keep import kept_tokens
from drama.prune.vocabulary.rebuild import smaller_tokenizer


def cut_vocabulary(
    model: Any, tokenizer: Any, texts: Sequence[str], coverage: float
) -> tuple[Any, Any, dict[str, Any]]:
    """A causal LM and a tokenizer with the tokens that the texts need, and figures about them.

    Every text still goes through: bytes, special tokens and all parts of kept merges stay.

    Args:
        model: a causal LM; it stays as it is.
        tokenizer: its tokenizer.
        texts: what the frequencies are counted over.
        coverage: share of the texts' tokens that stays by frequency, above 0 and at most 1.

    Raises:
        DramaError: not a BPE tokenizer that falls back on bytes.
    """
    spec = _bpe(tokenizer)
    before = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    kept = kept_tokens(spec, Counter(i for ids in before for i in ids), coverage)
    smaller = smaller_tokenizer(tokenizer, spec, kept)
    child = _with_rows(model, kept)
    after = smaller(list(texts), add_special_tokens=False)["input_ids"]
    words = sum(len(text.split()) for text in texts)
    saved = sum(p.numel() for p in model.parameters()) - sum(p.numel() for p in child.parameters())
    figures = {
        "vocabulary_parent": model.config.vocab_size,
        "vocabulary_kept": len(kept),
        "vocabulary_parameters_saved": saved,
        "tokens_per_word_parent": round(sum(map(len, before)) / max(words, 1), 4),
        "tokens_per_word_kept": round(sum(map(len, after)) / max(words, 1), 4),
    }
    return child, smaller, figures


def _bpe(tokenizer: Any) -> dict[str, Any]:
    """The tokenizer's `tokenizer.json`."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    spec: dict[str, Any] = json.loads(backend.to_str()) if backend is not None else {"model": {}}
    model = spec["model"]
    bytewise = model.get("byte_fallback") or '"ByteLevel"' in json.dumps(spec.get("pre_tokenizer"))
    if model.get("type") != "BPE" or not bytewise:
        raise DramaError(
            "prune.vocabulary: only BPE tokenizers that fall back on bytes can be cut",
            hint="leave prune.vocabulary out",
        )
    return spec


def _with_rows(model: Any, kept: list[int]) -> Any:
    """The model with these rows of its token table and LM head, and special tokens renumbered."""
    number = {old: new for new, old in enumerate(kept)}
    rows_U = torch.tensor(kept)
    config = _renumbered(model.config, number)
    config.vocab_size = len(kept)
    child = type(model)(config)
    tables = ("model.embed_tokens.weight", "lm_head.weight")
    child.load_state_dict({n: t[rows_U] if n in tables else t for n, t in model.state_dict().items()})
    child.generation_config = _renumbered(model.generation_config, number)
    return child.eval()


def _renumbered(config: Any, number: dict[int, int]) -> Any:
    """A copy in which `bos_token_id` and its like follow the new numbers; one that is gone is None."""
    new = copy.deepcopy(config)
    for name, value in config.to_dict().items():
        if name.endswith("_token_id") and isinstance(value, int):
            setattr(new, name, number.get(value))
        elif name.endswith("_token_id") and isinstance(value, list):
            setattr(new, name, [number[i] for i in value if i in number])
    return new
