"""The place of each text's vector: matrices in a folder, and a sqlite file that finds rows by text."""

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drama.files import atomic_file
from drama.retriever.vectors import Array

_AT_ONCE = 500


class Place(NamedTuple):
    """A row of a block, and the seconds that its encoding took."""

    block: str
    row: int
    seconds: float


class Places:
    """A folder of blocks and their index; a block is complete when `add` returns.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     places = Places(Path(folder))
    ...     places.add(["text 1", "text 2"], np.ones((2, 4)), "model", 3.0)
    ...     [(text, place.row, place.seconds) for text, place in places.find(["text 2", "text 3"]).items()]
    [('text 2', 1, 1.5)]
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._there: dict[str, bool] = {}  # blocks whose file has been looked for
        self._db = sqlite3.connect(folder / "places.sqlite", timeout=60)
        with self._db:
            self._db.execute("create table if not exists blocks (block text primary key, model, seconds)")
            self._db.execute(
                "create table if not exists rows (text text primary key, block text, row) without rowid"
            )

    def find(self, texts: Sequence[str]) -> dict[str, Place]:
        """The places of those texts that have one; a text of a block whose file is missing has none.

        Args:
            texts: their keys, as given to `add`.
        """
        found: dict[str, Place] = {}
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for text, block, row, seconds in self._db.execute(
                "select text, block, row, seconds from rows join blocks using (block)"
                f" where text in ({marks})",
                some,
            ):
                if block not in self._there:
                    self._there[block] = self.file(block).is_file()
                if self._there[block]:
                    found[text] = Place(block, row, seconds)
        return found

    def file(self, block: str) -> Path:
        """The matrix of a block, [N, D]."""
        return self._folder / f"{block}.npy"

    def add(self, texts: Sequence[str], vectors_ND: Array, model: str, seconds: float) -> None:
        """Keep vectors of texts (given by their keys), and the seconds that encoding them all took."""
        block = hashlib.sha256("".join(texts).encode()).hexdigest()[:32]
        with atomic_file(self.file(block)) as partial, partial.open("wb") as handle:
            np.save(handle, vectors_ND)
        rows = [(text, block, row) for row, text in enumerate(texts)]
        with self._db:
            self._db.execute(
                "insert or replace into blocks values (?, ?, ?)", (block, model, seconds / len(texts))
            )
            self._db.executemany("insert or replace into rows values (?, ?, ?)", rows)
        self._there[block] = True
