"""Padding-free forward: the texts of a batch end to end as one row, each of which attends only to itself.

The linear layers see real tokens and nothing else. Attention goes text by text on a CPU; on CUDA with
flash-attn installed and in half precision it is one variable-length kernel. The states are those of the
padded path; `packs` finds families whose layers can't do this.

Legend: B texts, T tokens of all texts together, H heads, E head size, D hidden size.
"""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F
from transformers import AttentionInterface

from drama.retriever.forward.positions import first_position

TEXT_BY_TEXT = "drama_packed"
FLASH = "flash_attention_2"


@torch.no_grad()
def packs(backbone: Any) -> bool:
    """True if two short texts end to end have the states that each has alone.

    Some families (MPNet, DeBERTa) have their own attention, which doesn't see where a text ends, or positions
    other than those that `packed_states` gives them.
    """
    texts = ((3, 4, 5), (6, 7))
    training = backbone.training
    backbone.eval()
    try:
        alone = [
            backbone(input_ids=ids_1L, attention_mask=torch.ones_like(ids_1L)).last_hidden_state[0]
            for ids_1L in (torch.tensor([ids], device=backbone.device) for ids in texts)
        ]
        alone_TD, packed_TD = torch.cat(alone), packed_states(backbone, texts)[0]
        return bool((packed_TD - alone_TD).norm() <= 1e-3 * alone_TD.norm())
    except Exception:  # whatever the reason, the padded path still works
        return False
    finally:
        backbone.train(training)


def kernel(device: str, dtype: torch.dtype, flash_attn: bool) -> str:
    """The attention of packed texts: flash-attn's, where it is installed, for half precision on CUDA only.

    >>> kernel("cuda", torch.float32, flash_attn=True), kernel("cuda", torch.bfloat16, flash_attn=True)
    ('drama_packed', 'flash_attention_2')
    """
    half = dtype in (torch.bfloat16, torch.float16)
    return FLASH if device == "cuda" and half and flash_attn else TEXT_BY_TEXT


def dtype_of_products(backbone: Any) -> torch.dtype:
    """The type of matrix products at this point: autocast's, or that of the weights."""
    device = backbone.device.type
    dtype: torch.dtype = (
        torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else backbone.dtype
    )
    return dtype


def can_pack(backbone: Any, longest: int) -> bool:
    """True if texts of at most `longest` tokens may be packed: none is longer than the sliding window."""
    window = getattr(backbone.config, "sliding_window", None)
    return window is None or longest <= window


def packed_states(backbone: Any, tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token states [T, D] of all texts end to end, and each text's length [B]."""
    device = backbone.device
    length_B = torch.tensor([len(ids) for ids in tokens])
    bound_B1 = F.pad(length_B.cumsum(0), (1, 0)).to(torch.int32)
    ids_1T = torch.tensor([[i for ids in tokens for i in ids]], device=device)
    first = first_position(backbone)
    place_1T = torch.cat([torch.arange(first, first + len(ids)) for ids in tokens]).unsqueeze(0).to(device)
    longest = int(length_B.max())
    attention = kernel(device.type, dtype_of_products(backbone), find_spec("flash_attn") is not None)
    if attention == FLASH:
        bound_B1 = bound_B1.to(device)
    with _attention(backbone, attention):
        states_1TD = backbone(
            input_ids=ids_1T,
            position_ids=place_1T,
            cu_seq_lens_q=bound_B1,
            cu_seq_lens_k=bound_B1,
            max_length_q=longest,
            max_length_k=longest,
        ).last_hidden_state
    return states_1TD[0], length_B.to(device)


def recompute_contexts(backbone: Any) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """Contexts of a checkpointed layer: of its forward pass, and of its recomputation in the backward pass,
    which needs the attention of the forward pass."""
    return nullcontext(), _attention(backbone, backbone.config._attn_implementation)


@contextmanager
def _attention(backbone: Any, name: str) -> Iterator[None]:
    before = backbone.config._attn_implementation
    backbone.config._attn_implementation = name
    try:
        yield
    finally:
        backbone.config._attn_implementation = before


def _text_by_text(
    module: torch.nn.Module,
    query_1HTE: torch.Tensor,
    key_1HTE: torch.Tensor,
    value_1HTE: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Attention of each text to itself, in transformers' calling convention."""
    lengths = kwargs["cu_seq_lens_q"].diff().tolist()
    causal = bool(getattr(module.config, "is_causal", True))
    parts = zip(*(torch.split(x, lengths, dim=2) for x in (query_1HTE, key_1HTE, value_1HTE)), strict=True)
    done = [
        F.scaled_dot_product_attention(
            q, k, v, dropout_p=dropout, is_causal=causal, scale=scaling, enable_gqa=q.shape[1] != k.shape[1]
        )
        for q, k, v in parts
    ]
    return torch.cat(done, dim=2).transpose(1, 2), None


AttentionInterface.register(TEXT_BY_TEXT, _text_by_text)
