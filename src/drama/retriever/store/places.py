"""The place of each text's vector: matrices in a folder, and a sqlite file that finds rows by text.

A block's file holds its matrix, its texts' keys and a checksum: neither a damaged matrix nor a damaged place
gives a text another's vector; such a text counts as not encoded.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from drama.console import warn
from drama.errors import FileError
from drama.files import atomic_file, explaining, make_folder, remove_leftovers
from drama.files.checksums import SEAL, is_sealed, seal
from drama.retriever.vectors import Array

_AT_ONCE = 500
KEY = 32
"""Characters of a key."""


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
    ...     places.add(["text 1", "text 2"], np.ones((2, 4)), 3.0)
    ...     [(text, place.row, place.seconds) for text, place in places.find(["text 2", "text 3"]).items()]
    [('text 2', 1, 1.5)]
    """

    def __init__(self, folder: Path) -> None:
        with explaining(folder):
            make_folder(folder)
            remove_leftovers(folder)
        self._folder = folder
        self._whole: dict[str, bool] = {}  # blocks whose file has been looked at
        self._file = folder / "places.sqlite"
        self._db = sqlite3.connect(self._file, timeout=60)
        with self._named(), self._db:
            self._db.execute("create table if not exists blocks (block text primary key, seconds)")
            self._db.execute(
                "create table if not exists rows (text text primary key, block text, row) without rowid"
            )

    @contextmanager
    def _named(self) -> Iterator[None]:
        """Errors of sqlite as the user's to read."""
        try:
            with explaining(self._file):
                yield
        except sqlite3.OperationalError as error:
            raise FileError(self._file, f"can't be used ({error})") from None
        except sqlite3.DatabaseError as error:
            raise FileError(
                self._file, f"damaged ({error})", hint="remove this file: the vectors are encoded again"
            ) from None

    def find(self, texts: Sequence[str]) -> dict[str, Place]:
        """The places of those texts that have one; a text of a missing or damaged block has none.

        Args:
            texts: their keys, as given to `add`.

        Raises:
            FileError: the sqlite file is damaged.
        """
        found: dict[str, Place] = {}
        keys: dict[str, npt.NDArray[np.bytes_]] = {}
        for start in range(0, len(texts), _AT_ONCE):
            some = texts[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            with self._named():
                rows = self._db.execute(
                    "select text, block, row, seconds from rows join blocks using (block)"
                    f" where text in ({marks})",
                    some,
                ).fetchall()
            for text, block, row, seconds in rows:
                if block not in keys:
                    keys[block] = self._keys(block)
                own = keys[block]
                if isinstance(row, int) and 0 <= row < len(own) and own[row] == text.encode():
                    found[text] = Place(block, row, seconds)
        return found

    def _keys(self, block: str) -> npt.NDArray[np.bytes_]:
        """The keys of a block's texts; none if its file is missing or damaged."""
        file = self.file(block)
        if block not in self._whole:
            self._whole[block] = file.is_file() and is_sealed(file)
            if file.is_file() and not self._whole[block]:
                warn(f"{file}: damaged, its texts are encoded again")
        if not self._whole[block]:
            return np.empty(0, dtype=f"S{KEY}")
        rows = len(np.load(file, mmap_mode="r", allow_pickle=False))
        end = file.stat().st_size - SEAL
        return np.fromfile(file, dtype=f"S{KEY}", count=rows, offset=end - rows * KEY)

    def file(self, block: str) -> Path:
        """The matrix of a block, [N, D]."""
        return self._folder / f"{block}.npy"

    def add(self, texts: Sequence[str], vectors_ND: Array, seconds: float) -> None:
        """Keep vectors of texts (given by their keys), and the seconds that encoding them all took."""
        block = hashlib.sha256("".join(texts).encode()).hexdigest()[:32]
        with atomic_file(self.file(block)) as partial:
            with partial.open("wb") as handle:
                np.save(handle, vectors_ND)
                handle.write(np.array(texts, dtype=f"S{KEY}").tobytes())
            seal(partial)
        rows = [(text, block, row) for row, text in enumerate(texts)]
        with self._named(), self._db:
            self._db.execute(
                "insert or replace into blocks (block, seconds) values (?, ?)", (block, seconds / len(texts))
            )
            self._db.executemany("insert or replace into rows values (?, ?, ?)", rows)
        self._whole[block] = True
