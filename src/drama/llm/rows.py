"""Rows of tokens, end to end, through a causal LM that keeps what is needed to read on.

What all rows begin with, the prefix, goes through the model once. The linear layers see no padding, and
logits are computed where they are asked for only.

Legend: B rows, K key heads, C places for a row's own tokens, E head size, W wanted positions, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import torch

from drama.llm.row_attention import NAME, Pair, RowAttention

LARGEST_PASS = 2048
"""Tokens of one forward pass; a longer row goes by itself."""
_FAMILIES = {"gemma3_text", "llama", "mistral", "qwen2", "qwen3"}


def takes_rows(model: Any) -> bool:
    """Whether `Rows` can run the model: a family whose attention is known here, on a CPU."""
    return bool(model.config.model_type in _FAMILIES and model.device.type == "cpu")


class Prefix(NamedTuple):
    """What rows begin with: its tokens, and (key, value) of each layer."""

    tokens: list[int]
    layers: Sequence[Pair]


def read_prefix(model: Any, tokens: list[int]) -> Prefix:
    """Send a prefix through the model."""
    rows = Rows(model, None, 1, len(tokens))
    rows.read([tokens])
    return Prefix(tokens, rows.attention.kept)


class Rows:
    """A batch of rows behind a prefix.

    Args:
        model: a causal LM that `takes_rows`.
        prefix: what stands before every row, or None.
        rows: how many rows are kept for `step`; 0 keeps none.
        room: own tokens of a row at most, those of `step` included.
    """

    def __init__(self, model: Any, prefix: Prefix | None, rows: int = 0, room: int = 0) -> None:
        self.model = model
        self.lengths: list[int] = []
        """Own tokens of each row."""
        kept = [_empty(model, rows, room) for _ in range(model.config.num_hidden_layers)] if rows else []
        self.attention = RowAttention(prefix.layers if prefix else [], kept)

    def read(
        self, tokens: Sequence[list[int]], wanted: Sequence[Sequence[int]] | None = None
    ) -> torch.Tensor:
        """Take in rows: logits_WV after the `wanted` positions of each, by default its last one."""
        found = []
        for first, last in _passes([len(row) for row in tokens]):
            part = tokens[first:last]
            lengths = [len(row) for row in part]
            asked = wanted[first:last] if wanted else [[n - 1] for n in lengths]
            starts = accumulate(lengths[:-1], initial=0)
            keep = [start + place for start, places in zip(starts, asked, strict=True) for place in places]
            places_T = self.attention.expect_rows(len(self.lengths), lengths)
            found.append(self._pass([t for row in part for t in row], places_T, keep))
            self.lengths += lengths
        return torch.cat(found)

    def step(self, tokens: Sequence[int]) -> torch.Tensor:
        """One more token for each row: logits_BV after it."""
        places_T = self.attention.expect_tokens(self.lengths)
        self.lengths = [n + 1 for n in self.lengths]
        return self._pass(tokens, places_T, range(len(tokens)))

    def drop(self, row: int) -> None:
        """Take a row out; the last one takes its place."""
        last = self.lengths.pop()
        if row == len(self.lengths):
            return
        for pair in self.attention.kept:
            for kept_BKCE in pair:
                kept_BKCE[row, :, :last] = kept_BKCE[len(self.lengths), :, :last]
        self.lengths[row] = last

    def _pass(self, tokens: Sequence[int], places_T: torch.Tensor, keep: Sequence[int]) -> torch.Tensor:
        config = self.model.config
        before = config._attn_implementation
        config._attn_implementation = NAME
        try:
            out = self.model(
                input_ids=torch.tensor([tokens]),
                position_ids=places_T.unsqueeze(0),
                use_cache=False,
                logits_to_keep=torch.tensor(keep),
                rows=self.attention,
            )
        finally:
            config._attn_implementation = before
        logits_WV: torch.Tensor = out.logits[0]
        return logits_WV


def token_bytes(model: Any) -> int:
    """Memory of one token's keys and values in all layers."""
    key, value = _empty(model, 1, 1)
    return int(key.nbytes + value.nbytes) * int(model.config.num_hidden_layers)


def _empty(model: Any, rows: int, room: int) -> Pair:
    """Keys and values of one layer, both [B, K, C, E]."""
    config = model.config
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    shape = (rows, config.num_key_value_heads, room, size)
    return torch.zeros(shape, dtype=model.dtype), torch.zeros(shape, dtype=model.dtype)


def _passes(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first, last) of the rows of each pass.

    >>> list(_passes([2000, 40, 40, 5000, 1]))
    [(0, 2), (2, 3), (3, 4), (4, 5)]
    """
    first, total = 0, 0
    for row, length in enumerate(lengths):
        if row > first and total + length > LARGEST_PASS:
            yield first, row
            first, total = row, 0
        total += length
    if lengths:
        yield first, len(lengths)
