"""Packed rows of one language or corpus, written to disk as they are made: any corpus fits in memory.

Legend: R rows, L tokens.
"""

import random
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

_EVERY, _HELD_OUT = 20, 32
"""Every twentieth row may be held out, at most 32 in all."""


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
        self._file = path.open("wb")
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
        row.tofile(self._file)

    def close(self) -> None:
        """Write the held-out rows and close; everything is on disk when this returns."""
        self._file.close()
        with _held_out(self._path).open("wb") as file:
            for row in self._held:
                row.tofile(file)


def read_rows(path: Path, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows to train on [R, L], read from disk when they are used; held-out rows [R, L], int64)."""
    held_RL = torch.from_numpy(np.fromfile(_held_out(path), dtype=np.int32)).reshape(-1, length).long()
    if path.stat().st_size == 0:
        return torch.empty(0, length, dtype=torch.int32), held_RL
    rows_RL = np.memmap(path, dtype=np.int32, mode="c").reshape(-1, length)
    return torch.from_numpy(rows_RL), held_RL


def _held_out(path: Path) -> Path:
    return path.with_suffix(".held-out")
