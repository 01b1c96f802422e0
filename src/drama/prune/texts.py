"""Texts for calibration and recovery: padded documents, and rows packed without padding.

Legend: B rows, L tokens.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch

from drama.errors import DramaError
from drama.prune.settings import CalibrationSettings

Rows = torch.Tensor


def calibration_batches(
    texts: Sequence[str], tokenizer: Any, settings: CalibrationSettings, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(tokens [B, L], mask [B, L]) of a seeded choice of texts."""
    chosen = random.Random(seed).sample(list(texts), min(settings.documents, len(texts)))
    tokens = [t for t in _tokens(chosen, tokenizer, settings.max_length) if t]
    for start in range(0, len(tokens), settings.batch_size):
        batch = tokens[start : start + settings.batch_size]
        longest = max(map(len, batch))
        pad = tokenizer.pad_token_id or 0
        rows = torch.tensor([t + [pad] * (longest - len(t)) for t in batch])
        mask = torch.tensor([[1] * len(t) + [0] * (longest - len(t)) for t in batch])
        yield rows, mask


def packed_rows(texts: Sequence[str], tokenizer: Any, length: int, seed: int) -> tuple[Rows, Rows]:
    """(training, held-out) rows [*, L]: all texts in a seeded order, EOS between, cut without padding.

    Every twentieth row, at most 32, is held out.

    Raises:
        DramaError: too little text for two rows.
    """
    order = list(texts)
    random.Random(seed).shuffle(order)
    stream = [i for t in _tokens(order, tokenizer, None) for i in (*t, tokenizer.eos_token_id)]
    count = len(stream) // length
    if count < 2:
        raise DramaError(
            f"prune: {len(stream)} tokens of text are too few for rows of {length}",
            hint="give more text, or lower prune.recovery.max_length",
        )
    rows = torch.from_numpy(np.array(stream[: count * length], dtype=np.int64).reshape(count, length))
    held_out = torch.zeros(count, dtype=torch.bool)
    held_out[torch.arange(0, count, 20)[:32]] = True
    return rows[~held_out], rows[held_out]


def _tokens(texts: Sequence[str], tokenizer: Any, max_length: int | None) -> list[list[int]]:
    found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return [t[:max_length] for t in found]
