"""A file that is one document."""

from pathlib import Path
from typing import NamedTuple

from drama.errors import FileError


class Page(NamedTuple):
    """Title, text and language; an empty title becomes the file's name, an empty `lang` is detected."""

    title: str
    text: str
    lang: str


def read_text(path: Path) -> Page:
    """Read a text file.

    Raises:
        FileError: not UTF-8.
    """
    try:
        return Page("", path.read_text(encoding="utf-8-sig"), "")
    except UnicodeDecodeError:
        raise FileError(path, "not UTF-8") from None
