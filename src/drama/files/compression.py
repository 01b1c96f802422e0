"""Compressed files, read as if they were not."""

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from drama.errors import FileError


def _open_zstd(path: Path) -> io.BufferedReader:
    import pyarrow

    return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))


_OPEN: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.GzipFile,
    ".bz2": bz2.BZ2File,
    ".xz": lzma.LZMAFile,
    ".zst": _open_zstd,
}
COMPRESSIONS = tuple(_OPEN)
"""Their suffixes."""


def uncompressed_name(name: str) -> str:
    """A file's name without the suffix of a compression.

    >>> uncompressed_name("corpus.jsonl.GZ"), uncompressed_name("corpus.jsonl")
    ('corpus.jsonl', 'corpus.jsonl')
    """
    suffix = Path(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in COMPRESSIONS else name


def find_file(folder: Path, name: str) -> Path | None:
    """The file of this name in a folder, else one that is compressed or in capitals: `CORPUS.jsonl.gz`."""
    if (folder / name).is_file():
        return folder / name
    there = folder.iterdir() if folder.is_dir() else ()
    found = (path for path in there if uncompressed_name(path.name).lower() == name and path.is_file())
    return min(found, default=None)


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed if its name ends with one of `COMPRESSIONS`.

    Raises:
        FileError: no such file, or damaged.
    """
    if not path.is_file():
        raise FileError(path, "no such file", hint="check the path")
    opener = _OPEN.get(path.suffix.lower())
    if opener is None:
        with path.open("rb") as handle:
            yield handle
        return
    try:
        with opener(path) as handle:
            yield handle
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        kind = path.suffix.lower().removeprefix(".")
        raise FileError(path, f"damaged, or not {kind} ({error})", hint="copy or download it again") from None
