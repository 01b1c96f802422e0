"""Texts for calibration and recovery: padded documents, and rows packed without padding.

Legend: B, R rows, L tokens.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
import torch

from drama.errors import DramaError
from drama.prune.domains import Domain
from drama.prune.settings import CalibrationSettings
from drama.records import Document

_HELD_OUT = 32
"""Every twentieth row of a domain is held out, at most this many."""


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


def domain_rows(
    documents: Iterable[Document], tokenizer: Any, by: Literal["lang", "source"], length: int, seed: int
) -> tuple[list[Domain], dict[str, int]]:
    """Packed rows by language or corpus, and how many texts of each domain are too few for two rows.

    Raises:
        DramaError: no domain has text for two rows.
    """
    texts: dict[str, list[str]] = defaultdict(list)
    for document in documents:
        texts[domain_of(document, by)].append(document.full_text)
    found, left_out = [], {}
    for name, own in sorted(texts.items()):
        rows_RL = packed_rows(own, tokenizer, length, seed)
        if len(rows_RL) < 2:
            left_out[name] = len(own)
            continue
        held_out = torch.zeros(len(rows_RL), dtype=torch.bool)
        held_out[torch.arange(0, len(rows_RL), 20)[:_HELD_OUT]] = True
        found.append(Domain(name, rows_RL[~held_out], rows_RL[held_out]))
    if not found:
        raise DramaError(
            f"prune: the texts are too few for two rows of {length} tokens in any language or corpus",
            hint="give more text, or lower prune.recovery.max_length",
        )
    return found, left_out


def domain_of(document: Document, by: Literal["lang", "source"]) -> str:
    """Its language or corpus; `unknown` where it says none."""
    return getattr(document, by) or "unknown"


def packed_rows(texts: Sequence[str], tokenizer: Any, length: int, seed: int) -> torch.Tensor:
    """[R, L]: all texts in a seeded order, EOS between, cut without padding."""
    order = list(texts)
    random.Random(seed).shuffle(order)
    stream = [i for t in _tokens(order, tokenizer, None) for i in (*t, tokenizer.eos_token_id)]
    count = len(stream) // length
    return torch.from_numpy(np.array(stream[: count * length], dtype=np.int64).reshape(count, length))


def _tokens(texts: Sequence[str], tokenizer: Any, max_length: int | None) -> list[list[int]]:
    found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return [t[:max_length] for t in found]
