"""Precision: what `auto` means is decided by the hardware."""

from typing import Literal

import pytest
import torch

from drama.compute import Precision, resolve_precision


@pytest.mark.parametrize(
    ("asked", "native", "expected"),
    [
        ("fp32", True, "fp32"),
        ("bf16", False, "bf16"),
        ("auto", True, "bf16"),
        ("auto", False, "fp32"),
    ],
)
def test_auto_is_bf16_only_where_the_hardware_has_it(
    asked: Precision, native: bool, expected: Literal["fp32", "bf16"], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("drama.compute.device.native_bf16", lambda device: native)
    assert resolve_precision(asked, torch.device("cpu")) == expected


@pytest.mark.parametrize(
    ("device", "capability", "native"),
    [("cuda", (7, 5), False), ("cuda", (8, 0), True), ("meta", (9, 0), False)],
)
def test_bf16_is_native_from_ampere_on(
    device: str, capability: tuple[int, int], native: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from drama.compute.device import native_bf16

    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    assert native_bf16(torch.device(device)) is native
    assert resolve_precision("auto", torch.device(device)) == ("bf16" if native else "fp32")
