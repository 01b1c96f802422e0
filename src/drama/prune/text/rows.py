"""Rows of tokens packed without padding, by language or corpus. They are written to disk as they are made, so
the corpus may be larger than memory.

Legend: R rows, L tokens.
"""

import random
from array import array
from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from drama.console import warn
from drama.errors import DramaError, FileError
from drama.files import atomic_folder
from drama.files.checksums import checksum, read_sealed_json, write_sealed_json
from drama.prune.learn.domains import Domain
from drama.records import Document

_BLOCK, _INDEX = 512, "index.json"
_WAITING = 1 << 13
"""Tokens of a domain in memory until they are written."""
_EVERY, _HELD_OUT = 20, 32
"""Every twentieth row may be held out, at most 32 in all."""


def domain_rows(
    documents: Iterable[Document],
    tokenizer: Any,
    by: Literal["lang", "source"],
    length: int,
    seed: int,
    folder: Path,
) -> tuple[list[Domain], dict[str, int]]:
    """Packed rows by domain, and for each domain that is too small for two rows its number of texts.

    Each row begins with the tokenizer's opening, wherever in a text it starts: a model that has always seen
    BOS is lost without it.

    The texts are read once, as a stream. The rows are kept in the folder, whole or not at all, and read from
    there when it exists; if they are damaged, they are made again.

    Raises:
        DramaError: no domain has text for two rows.
    """
    if not folder.is_dir() or not _is_whole(folder):
        files: dict[str, RowFile] = {}
        stream = iter(documents)
        with atomic_folder(folder) as partial:
            while block := list(islice(stream, _BLOCK)):
                ids = tokenizer([d.full_text for d in block], add_special_tokens=False)["input_ids"]
                for document, own in zip(block, ids, strict=True):
                    name = domain_of(document, by)
                    if name not in files:
                        files[name] = RowFile(partial / str(len(files)), length, seed, opening(tokenizer))
                    files[name].add([*own, tokenizer.eos_token_id])
            for file in files.values():
                file.close()
            sums = {file.name: checksum(file) for file in sorted(partial.iterdir())}
            domains = [[name, file.texts, file.rows] for name, file in files.items()]
            write_sealed_json(partial / _INDEX, {"domains": domains, "checksums": sums})
    found, too_small = [], {}
    for number, (name, texts, rows) in enumerate(read_sealed_json(folder / _INDEX)["domains"]):
        if rows < 2:
            too_small[name] = texts
        else:
            found.append(Domain(name, *read_rows(folder / str(number), length), texts))
    if not found:
        raise DramaError(
            f"prune: the texts are too few for two rows of {length} tokens in any language or corpus",
            hint="give more text, or lower prune.recovery.max_length",
        )
    return sorted(found, key=lambda domain: domain.name), too_small


def _is_whole(folder: Path) -> bool:
    """Whether all files are there as they were written; a warning says which is not."""
    try:
        for name, known in read_sealed_json(folder / _INDEX)["checksums"].items():
            if not (folder / name).is_file() or checksum(folder / name) != known:
                raise FileError(folder / name, "missing or damaged")
    except FileError as error:
        warn(f"{error.message}: all rows are made again")
        return False
    return True


def opening(tokenizer: Any) -> list[int]:
    """Tokens that the tokenizer writes before a text: BOS, or nothing."""
    bare, whole = (list(tokenizer("x", add_special_tokens=own)["input_ids"]) for own in (False, True))
    return whole[: next(i for i in range(len(whole)) if whole[i : i + len(bare)] == bare)]


def domain_of(document: Document, by: Literal["lang", "source"]) -> str:
    """The document's language or corpus; `unknown` where it names none."""
    return getattr(document, by) or "unknown"


class RowFile:
    """First `add` texts, then `close`; `read_rows` returns their rows.

    Args:
        path: the rows to train on; the held-out rows are in a file next to it.
        length: tokens of a row.
        seed: of the choice of held-out rows.
        opening: tokens at the start of each row.
    """

    def __init__(self, path: Path, length: int, seed: int, opening: Sequence[int] = ()) -> None:
        self.texts = 0
        self.rows = 0
        self._path, self._length = path, length - len(opening)
        self._opening = array("i", opening)
        self._waiting = array("i")
        self._rest = array("i")
        self._held: list[array[int]] = []
        self._random = random.Random(seed)

    def add(self, tokens: list[int]) -> None:
        """Append a text; a row may hold the end of one text and the beginning of the next."""
        self.texts += 1
        self._rest.extend(tokens)
        end = len(self._rest) - len(self._rest) % self._length
        for start in range(0, end, self._length):
            self._write_row(self._rest[start : start + self._length])
        self._rest = self._rest[end:]

    def _write_row(self, tokens: "array[int]") -> None:
        """To the file, or held out: a uniform sample of every twentieth row, however many there are."""
        row = self._opening + tokens
        number, self.rows = self.rows, self.rows + 1
        if number % _EVERY == 0:
            place = self._random.randrange(number // _EVERY + 1)
            if len(self._held) < _HELD_OUT:
                self._held.append(row)
                return
            if place < _HELD_OUT:
                row, self._held[place] = self._held[place], row
        self._waiting.extend(row)
        if len(self._waiting) >= _WAITING:
            self._write()

    def _write(self) -> None:
        """Open only while it is written: a process may not have a file open for each of many corpora."""
        with self._path.open("ab") as file:
            self._waiting.tofile(file)
        self._waiting = array("i")

    def close(self) -> None:
        """Write the held-out rows and close; everything is on disk when this returns."""
        self._write()
        with _held_out(self._path).open("wb") as file:
            for row in self._held:
                row.tofile(file)


def read_rows(path: Path, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows to train on [R, L], read from disk when they are used; held-out rows [R, L], int64)."""
    held_RL = torch.from_numpy(np.fromfile(_held_out(path), dtype=np.int32)).reshape(-1, length).long()
    size = path.stat().st_size // 4
    if size == 0:
        return torch.empty(0, length, dtype=torch.int32), held_RL
    # A map of numpy's keeps its file open.
    return torch.from_file(str(path), size=size, dtype=torch.int32).reshape(-1, length), held_RL


def _held_out(path: Path) -> Path:
    return path.with_suffix(".held-out")
