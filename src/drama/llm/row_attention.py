"""Attention of the new tokens of many rows: each to its own row, and to a prefix that all rows begin with.

The two parts are put together by their log-sum-exp, which is exact (FlashAttention, Dao et al. 2022, section
3.1). So the prefix is one product for all rows, its keys and values are never repeated, and no row is padded
but to the longest of the kept ones.

Legend: B rows, T new tokens of all rows, P tokens of the prefix, N new tokens of one row, C places for a
row's own tokens, H heads, K key heads, G heads that share one, E head size.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from transformers import AttentionInterface

NAME = "drama_rows"
"""What transformers knows it by."""
_HIDDEN = -1e9
"""Hides a score. Finite: a part of which a token sees nothing then gets no weight, instead of NaN."""
Pair = tuple[torch.Tensor, torch.Tensor]


class RowAttention:
    """Keys and values of a prefix and of rows, and the attention to them.

    Args:
        prefix: (key, value) of each layer, both [1, K, P, E]; empty where there is none.
        kept: (key, value) of each layer, both [B, K, C, E], to be filled; empty where none are kept.
    """

    def __init__(self, prefix: Sequence[Pair], kept: Sequence[Pair]) -> None:
        self.prefix, self.kept = prefix, kept
        self.behind = int(prefix[0][0].shape[2]) if prefix else 0
        """Tokens of the prefix."""
        self._one_each = False
        self._first = 0
        self._count: list[int] = []
        self._places_T = torch.empty(0)
        self._masks: dict[object, torch.Tensor] = {}

    def expect_rows(self, first: int, lengths: Sequence[int]) -> torch.Tensor:
        """The next pass holds new rows, numbered from `first`: places_T of their tokens."""
        return self._expect(False, first, lengths, [torch.arange(n) for n in lengths])

    def expect_tokens(self, lengths: Sequence[int]) -> torch.Tensor:
        """The next pass holds one more token of each kept row, `lengths` before it: places_T."""
        return self._expect(True, 0, lengths, [torch.tensor(lengths)])

    def _expect(
        self, one_each: bool, first: int, count: Sequence[int], places: list[torch.Tensor]
    ) -> torch.Tensor:
        self._one_each, self._first, self._count = one_each, first, list(count)
        self._places_T = torch.cat(places) + self.behind
        self._masks = {}
        return self._places_T

    def __call__(
        self,
        layer: int,
        query_1HTE: torch.Tensor,
        key_1KTE: torch.Tensor,
        value_1KTE: torch.Tensor,
        scale: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """What the new tokens of the pass take from all they see, [1, H, T, E].

        A token sees `window` tokens back, itself included; None is all.
        """
        own = self._of_each_row if self._one_each else self._of_new_rows
        mine_1HTE, mine_1HT = own(layer, query_1HTE, key_1KTE, value_1KTE, scale, window)
        if not self.prefix:
            return mine_1HTE
        key_1KPE, value_1KPE = self.prefix[layer]
        groups = query_1HTE.shape[1] // key_1KTE.shape[1]
        mask = None
        if window is not None and int(self._places_T.max()) >= window:
            mask = self._mask(
                ("prefix", window),
                lambda: (self._places_T[:, None] - torch.arange(self.behind) < window).repeat(groups, 1),
                query_1HTE.dtype,
            )
        # The heads of one key head end to end, as if they were one long row.
        query_1KLE = query_1HTE.reshape(1, key_1KPE.shape[1], -1, query_1HTE.shape[3])
        theirs_1KLE, theirs_1KL = _attention(query_1KLE, key_1KPE, value_1KPE, scale, mask)
        share_1HT1 = (theirs_1KL.reshape(mine_1HT.shape) - mine_1HT).sigmoid().unsqueeze(-1)
        theirs_1HTE = theirs_1KLE.reshape(query_1HTE.shape)
        return torch.lerp(mine_1HTE.float(), theirs_1HTE.float(), share_1HT1).to(query_1HTE.dtype)

    def _of_new_rows(
        self,
        layer: int,
        query_1HTE: torch.Tensor,
        key_1KTE: torch.Tensor,
        value_1KTE: torch.Tensor,
        scale: float | None,
        window: int | None,
    ) -> Pair:
        """Row by row, causal; and kept."""
        groups = query_1HTE.shape[1] // key_1KTE.shape[1]
        tensors = (query_1HTE, key_1KTE, value_1KTE)
        parts = zip(*(torch.split(x, self._count, dim=2) for x in tensors), strict=True)
        states, weights = [], []
        for row, (query_1HNE, key_1KNE, value_1KNE) in enumerate(parts, start=self._first):
            length = key_1KNE.shape[2]
            if self.kept:
                for kept_BKCE, new_1KNE in zip(self.kept[layer], (key_1KNE, value_1KNE), strict=True):
                    kept_BKCE[row, :, :length] = new_1KNE[0]
            mask = None
            if window is not None and length > window:
                mask = self._mask((length, window), partial(_seen_in_row, length, window), query_1HTE.dtype)
            key_1HNE, value_1HNE = (x.repeat_interleave(groups, dim=1) for x in (key_1KNE, value_1KNE))
            state_1HNE, weight_1HN = _attention(query_1HNE, key_1HNE, value_1HNE, scale, mask, mask is None)
            states.append(state_1HNE)
            weights.append(weight_1HN)
        return torch.cat(states, dim=2), torch.cat(weights, dim=2)

    def _of_each_row(
        self,
        layer: int,
        query_1HTE: torch.Tensor,
        key_1KTE: torch.Tensor,
        value_1KTE: torch.Tensor,
        scale: float | None,
        window: int | None,
    ) -> Pair:
        """One new token of each kept row (T is B): all rows in one product."""
        rows, heads, key_heads = len(self._count), query_1HTE.shape[1], key_1KTE.shape[1]
        longest = max(self._count) + 1
        for kept_BKCE, new_1KTE in zip(self.kept[layer], (key_1KTE, value_1KTE), strict=True):
            kept_BKCE[range(rows), :, self._count] = new_1KTE[0].transpose(0, 1)
        key_BKCE, value_BKCE = (kept_BKCE[:rows, :, :longest] for kept_BKCE in self.kept[layer])
        query_BKGE = query_1HTE[0].transpose(0, 1).reshape(rows, key_heads, heads // key_heads, -1)
        mask_B11C = self._mask(
            ("each row", window), lambda: self._seen_of_each_row(longest, window), query_1HTE.dtype
        )
        state_BKGE, weight_BKG = _attention(query_BKGE, key_BKCE, value_BKCE, scale, mask_B11C)
        state_1HTE = state_BKGE.reshape(1, rows, heads, -1).transpose(1, 2)
        return state_1HTE, weight_BKG.reshape(1, rows, heads).transpose(1, 2)

    def _seen_of_each_row(self, longest: int, window: int | None) -> torch.Tensor:
        back_BC = torch.tensor(self._count)[:, None] - torch.arange(longest)
        seen_BC = back_BC >= 0 if window is None else (back_BC >= 0) & (back_BC < window)
        return seen_BC[:, None, None]

    def _mask(self, key: object, seen: Callable[[], torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
        """Made once a pass; layers share it."""
        if key not in self._masks:
            made = seen()
            self._masks[key] = torch.zeros(made.shape, dtype=dtype).masked_fill(~made, _HIDDEN)
        return self._masks[key]


def _seen_in_row(length: int, window: int) -> torch.Tensor:
    """Which tokens of a row each of them sees, [N, N]."""
    return torch.ones(length, length, dtype=torch.bool).tril().triu(1 - window)


def _attention(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    scale: float | None,
    mask: torch.Tensor | None = None,
    causal: bool = False,
) -> Pair:
    """The states, and the log-sum-exp of each query's scores."""
    done = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        query, key, value, 0.0, causal, attn_mask=mask, scale=scale
    )
    return done[0], done[1]


def _in_transformers_terms(
    module: torch.nn.Module,
    query_1HTE: torch.Tensor,
    key_1KTE: torch.Tensor,
    value_1KTE: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    attention: RowAttention = kwargs["rows"]
    layer: Any = module.layer_idx
    states_1HTE = attention(layer, query_1HTE, key_1KTE, value_1KTE, scaling, sliding_window)
    return states_1HTE.transpose(1, 2), None


AttentionInterface.register(NAME, _in_transformers_terms)
