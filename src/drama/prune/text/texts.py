"""Texts for calibration and recovery: padded documents, and rows packed without padding.

Legend: B, R rows, L tokens.
"""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import torch

from drama.errors import DramaError
from drama.files import atomic_folder, write_json
from drama.prune.learn.domains import Domain
from drama.prune.settings import CalibrationSettings
from drama.prune.text.row_file import RowFile, read_rows
from drama.records import Document

_BLOCK, _INDEX = 512, "index.json"


def calibration_batches(
    texts: Iterable[str], tokenizer: Any, settings: CalibrationSettings, seed: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """(tokens [B, L], mask [B, L]) of a seeded choice of texts, each with its opening."""
    chosen, first = _sample(texts, settings.documents, seed), opening(tokenizer)
    length = settings.max_length - len(first)
    tokens = [first + t for t in _tokens(chosen, tokenizer, length) if t]
    for start in range(0, len(tokens), settings.batch_size):
        batch = tokens[start : start + settings.batch_size]
        longest = max(map(len, batch))
        pad = tokenizer.pad_token_id or 0
        rows = torch.tensor([t + [pad] * (longest - len(t)) for t in batch])
        mask = torch.tensor([[1] * len(t) + [0] * (longest - len(t)) for t in batch])
        yield rows, mask


def domain_rows(
    documents: Iterable[Document],
    tokenizer: Any,
    by: Literal["lang", "source"],
    length: int,
    seed: int,
    folder: Path,
) -> tuple[list[Domain], dict[str, int]]:
    """Packed rows by language or corpus, and how many texts of each domain are too few for two rows.

    Each row begins with the parent's opening, wherever in a text it starts: a model that has always seen BOS
    is lost without it.

    The texts are read once, as a stream; the rows are kept in the folder, whole or not at all, and taken from
    there where they are.

    Raises:
        DramaError: no domain has text for two rows.
    """
    if not folder.is_dir():
        with atomic_folder(folder) as partial:
            _pack(documents, tokenizer, by, length, seed, partial)
    index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
    found, left_out = [], {}
    for number, (name, texts, rows) in enumerate(index):
        if rows < 2:
            left_out[name] = texts
        else:
            found.append(Domain(name, *read_rows(folder / str(number), length), texts))
    if not found:
        raise DramaError(
            f"prune: the texts are too few for two rows of {length} tokens in any language or corpus",
            hint="give more text, or lower prune.recovery.max_length",
        )
    return sorted(found, key=lambda domain: domain.name), left_out


def _pack(
    documents: Iterable[Document],
    tokenizer: Any,
    by: Literal["lang", "source"],
    length: int,
    seed: int,
    folder: Path,
) -> None:
    files: dict[str, RowFile] = {}
    stream = iter(documents)
    while block := list(islice(stream, _BLOCK)):
        tokens = _tokens([d.full_text for d in block], tokenizer, None)
        for document, own in zip(block, tokens, strict=True):
            name = domain_of(document, by)
            if name not in files:
                files[name] = RowFile(folder / str(len(files)), length, seed, opening(tokenizer))
            files[name].add([*own, tokenizer.eos_token_id])
    for file in files.values():
        file.close()
    write_json(folder / _INDEX, [[name, file.texts, file.rows] for name, file in files.items()])


def opening(tokenizer: Any) -> list[int]:
    """What the tokenizer writes before a text: BOS, or nothing."""
    bare, whole = (list(tokenizer("x", add_special_tokens=own)["input_ids"]) for own in (False, True))
    return whole[: next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)]


def domain_of(document: Document, by: Literal["lang", "source"]) -> str:
    """Its language or corpus; `unknown` where it says none."""
    return getattr(document, by) or "unknown"


def _sample(texts: Iterable[str], count: int, seed: int) -> list[str]:
    """An even choice of a stream, of which no more is kept than is chosen."""
    draw = random.Random(seed)
    chosen: list[str] = []
    for number, text in enumerate(texts):
        if number < count:
            chosen.append(text)
        elif (place := draw.randrange(number + 1)) < count:
            chosen[place] = text
    return chosen


def _tokens(texts: Sequence[str], tokenizer: Any, max_length: int | None) -> list[list[int]]:
    found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return [t[:max_length] for t in found]
