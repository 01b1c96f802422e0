"""Where each text's vector lies: a sqlite file beside the matrices, keyed by model and content."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

_AT_ONCE = 500


class Place(NamedTuple):
    """A row of a block, and the seconds that its encoding took."""

    block: str
    row: int
    seconds: float


class Places:
    """The index of a folder of blocks; a block is in it, whole, when `add` returns.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     places = Places(Path(folder))
    ...     places.add("b0", ["text 1", "text 2"], "model", 3.0)
    ...     places.find(["text 2", "text 3"])
    {'text 2': Place(block='b0', row=1, seconds=1.5)}
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / "places.sqlite", timeout=60)
        with self._db:
            self._db.execute("create table if not exists blocks (block text primary key, model, seconds)")
            self._db.execute(
                "create table if not exists rows (text text primary key, block text, row) without rowid"
            )

    def find(self, texts: Sequence[str]) -> dict[str, Place]:
        """The places of those texts that have one.

        Args:
            texts: their keys, as given to `add`.
        """
        found: dict[str, Place] = {}
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            for text, *place in self._db.execute(
                "select text, block, row, seconds from rows join blocks using (block)"
                f" where text in ({marks})",
                some,
            ):
                found[text] = Place(*place)
        return found

    def add(self, block: str, texts: Sequence[str], model: str, seconds: float) -> None:
        """A block's texts, in the order of its rows, and the seconds that all of them took."""
        rows = [(text, block, row) for row, text in enumerate(texts)]
        with self._db:
            self._db.execute(
                "insert or replace into blocks values (?, ?, ?)", (block, model, seconds / len(texts))
            )
            self._db.executemany("insert or replace into rows values (?, ?, ?)", rows)
