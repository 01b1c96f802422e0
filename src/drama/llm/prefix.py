"""The common prefix of a batch goes through the model once and stays in transformers' cache.

Legend: B rows, L tokens of the longest row.
"""

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer


class Prefix:
    """The keys and values of a prefix.

    Args:
        model: a causal LM that `keeps_prefixes`.
        tokens: at least one.
    """

    def __init__(self, model: Any, tokens: list[int]) -> None:
        self.tokens = tokens
        self._config = model.config
        self._cache = DynamicCache(config=model.config)
        model(input_ids=torch.tensor([tokens]), past_key_values=self._cache, **last_logits(model, 1))

    def repeated(self, rows: int) -> DynamicCache:
        """A cache in which each of `rows` rows begins with this prefix."""
        cache = DynamicCache(config=self._config)
        for number, layer in enumerate(self._cache.layers):
            keys, values = (x.expand(rows, -1, -1, -1) for x in (layer.keys, layer.values))
            cache.update(keys, values, number)
        return cache


def keeps_prefixes(model: Any) -> bool:
    """Whether the model's only state is keys and values: it is not recurrent."""
    kinds = {type(layer) for layer in DynamicCache(config=model.config).layers}
    return not model._is_stateful and kinds <= {DynamicLayer, DynamicSlidingWindowLayer}


def common_prefix(rows: Sequence[Sequence[int]]) -> int:
    """Length of the common prefix; at least one token of each row is left over.

    >>> common_prefix([[1, 2, 3], [1, 2, 4, 5]]), common_prefix([[1, 2], [1, 2]])
    (2, 1)
    """
    shortest = min(map(len, rows)) - 1
    return next((i for i in range(shortest) if len({row[i] for row in rows}) > 1), shortest)


def padded(rows: Sequence[list[int]], shared: int, pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """ids_BL and mask_BL: the shared tokens, padding, and the rest of each row.

    >>> ids_BL, mask_BL = padded([[7, 1, 2, 3], [7, 4]], shared=1, pad=0)
    >>> ids_BL.tolist(), mask_BL.tolist()
    ([[7, 1, 2, 3], [7, 0, 0, 4]], [[1, 1, 1, 1], [1, 0, 0, 1]])
    """
    gaps = [max(map(len, rows)) - len(row) for row in rows]
    ids = [row[:shared] + [pad] * gap + row[shared:] for row, gap in zip(rows, gaps, strict=True)]
    mask = [[1] * shared + [0] * gap + [1] * (len(row) - shared) for row, gap in zip(rows, gaps, strict=True)]
    return torch.tensor(ids), torch.tensor(mask)


def token_bytes(model: Any) -> int:
    """Memory of one token's keys and values in all layers."""
    config = model.config.get_text_config(decoder=True)
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * size * model.dtype.itemsize)


def last_logits(model: Any, positions: int) -> dict[str, int]:
    """The argument that limits logits to the last `positions`, for models that have it."""
    known = "logits_to_keep" in inspect.signature(model.forward).parameters
    return {"logits_to_keep": positions} if known else {}
