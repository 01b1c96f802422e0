"""Calibration: padded batches of a few texts, on which activations are measured.

Legend: B texts, L tokens.
"""

import random
from collections.abc import Iterable, Iterator
from typing import Any

import torch

from drama.prune.text.rows import opening
from drama.prune.text.settings import CalibrationSettings
from drama.records.sample import reservoir

Batch = tuple[torch.Tensor, torch.Tensor]
"""(tokens [B, L], mask [B, L])."""


def calibration_batches(
    texts: Iterable[str], tokenizer: Any, settings: CalibrationSettings, seed: int
) -> Iterator[Batch]:
    """Batches of a random sample of the texts, each text after the tokenizer's opening."""
    chosen, first = reservoir(texts, settings.documents, random.Random(seed)), opening(tokenizer)
    ids = tokenizer(chosen, add_special_tokens=False)["input_ids"]
    tokens = [first + own[: settings.max_length - len(first)] for own in ids if own]
    pad = tokenizer.pad_token_id or 0
    for start in range(0, len(tokens), settings.batch_size):
        batch = tokens[start : start + settings.batch_size]
        longest = max(map(len, batch))
        rows_BL = torch.tensor([own + [pad] * (longest - len(own)) for own in batch])
        mask_BL = torch.tensor([[1] * len(own) + [0] * (longest - len(own)) for own in batch])
        yield rows_BL, mask_BL
