"""A file that is one document."""

from pathlib import Path
from typing import NamedTuple

from drama.files.reading import read_text


class Page(NamedTuple):
    """Title, text and language; an empty `lang` is detected."""

    title: str
    text: str
    lang: str


def read_plain_page(path: Path) -> Page:
    """Read a text file.

    Raises:
        FileError: damaged, or not UTF-8.
    """
    return Page("", read_text(path), "")
