"""Qwen3: queries and keys go through a norm over `head_dim` before RoPE."""

from typing import Any

from drama.prune.families.family import Family


class Qwen3(Family):
    """The norms of queries and keys are shared by all heads of a layer."""

    types = ("qwen3",)

    def head_norms(self, layer: Any) -> tuple[Any, ...]:
        """Of queries and of keys."""
        return layer.self_attn.q_norm, layer.self_attn.k_norm
