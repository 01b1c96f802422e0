"""Which attention packed texts get: flash-attn's kernel refuses float32."""

from pathlib import Path

import pytest
import torch

from drama.compute import autocast
from drama.retriever.backbone import load_backbone
from drama.retriever.forward.packed import FLASH, TEXT_BY_TEXT, dtype_of_products, kernel


@pytest.mark.parametrize(
    ("device", "dtype", "installed", "expected"),
    [
        ("cuda", torch.bfloat16, True, FLASH),
        ("cuda", torch.float16, True, FLASH),
        ("cuda", torch.float32, True, TEXT_BY_TEXT),
        ("cuda", torch.bfloat16, False, TEXT_BY_TEXT),
        ("cpu", torch.bfloat16, True, TEXT_BY_TEXT),
    ],
)
def test_flash_attention_is_for_half_precision_on_cuda(
    device: str, dtype: torch.dtype, installed: bool, expected: str
) -> None:
    assert kernel(device, dtype, installed) == expected


def test_the_precision_is_autocasts_or_the_weights(tiny_llm: Path) -> None:
    backbone = load_backbone(tiny_llm, bidirectional=True)
    assert dtype_of_products(backbone) == torch.float32
    with autocast("bf16", backbone.device):
        assert dtype_of_products(backbone) == torch.bfloat16
    assert dtype_of_products(load_backbone(tiny_llm, True).to(torch.bfloat16)) == torch.bfloat16
