"""Positions: where a text begins in a learnt table, and the longest text that a model has positions for.

BERT counts from row 0, RoBERTa and its family from the one after the padding index; OPT shifts inside its
table. Rotary models have no table; they compute any position, but were not trained above
`max_position_embeddings`. Relative positions (DeBERTa, T5) have no limit.
"""

from typing import Any

import torch

from drama.errors import DramaError

_NAMES = ("position_embeddings", "embed_positions", "wpe")
_ROTARY = "rotary_emb"


def first_position(model: torch.nn.Module) -> int:
    """The position id of a text's first token."""
    table = _table(model)
    return 0 if table is None or table.padding_idx is None else table.padding_idx + 1


def longest_text(model: torch.nn.Module) -> int | None:
    """Tokens of the longest text that the model has positions for; None: there is no limit."""
    table = _table(model)
    if table is not None:
        return int(table.num_embeddings - first_position(model) - getattr(table, "offset", 0))
    for module in model.modules():
        if hasattr(module, _ROTARY) and hasattr(module, "config"):
            limit = getattr(module.config, "max_position_embeddings", None)
            return limit if isinstance(limit, int) else None
    return None


def check_length(model: torch.nn.Module, field: str, tokens: int) -> None:
    """Refuse a setting that allows texts longer than the model can read."""
    longest = longest_text(model)
    if longest is not None and tokens > longest:
        raise DramaError(
            f"{field}: the model has no positions for {tokens} tokens", hint=f"give at most {longest}"
        )


def _table(model: torch.nn.Module) -> Any:
    for name, module in model.named_modules():
        if name.rsplit(".", 1)[-1] in _NAMES and isinstance(module, torch.nn.Embedding):
            return module
    return None
