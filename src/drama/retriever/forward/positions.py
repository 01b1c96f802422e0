"""Learnt absolute positions: the row of their table at which a text begins, and the longest text.

BERT counts from row 0, RoBERTa and its family from the one after the padding index; OPT shifts inside its
table. Models with rotary or relative positions have no table, and no limit here.
"""

from typing import Any

import torch

from drama.errors import DramaError

_NAMES = ("position_embeddings", "embed_positions", "wpe")


def first_position(model: torch.nn.Module) -> int:
    """The position id of a text's first token."""
    table = _table(model)
    return 0 if table is None or table.padding_idx is None else table.padding_idx + 1


def check_length(model: torch.nn.Module, field: str, tokens: int) -> None:
    """Refuse a setting that allows texts longer than the model can read."""
    table = _table(model)
    if table is None:
        return
    longest = table.num_embeddings - first_position(model) - getattr(table, "offset", 0)
    if tokens > longest:
        raise DramaError(
            f"{field}: the model has no positions for {tokens} tokens", hint=f"give at most {longest}"
        )


def _table(model: torch.nn.Module) -> Any:
    for name, module in model.named_modules():
        if name.rsplit(".", 1)[-1] in _NAMES and isinstance(module, torch.nn.Embedding):
            return module
    return None
