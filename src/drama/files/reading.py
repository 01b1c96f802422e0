"""Text from outside becomes text here, with one rule: it is UTF-8, with or without a byte order mark.

Anything else is an error that names the file and line; nothing is guessed, dropped or replaced. (A web page
may name another encoding: `corpus.readers.web_page`.) Names of files and folders need not be text: files are
read whatever they are called, and `legible` turns their names into ids and titles.
"""

import codecs
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from drama.errors import FileError
from drama.files.compression import open_bytes

_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters and line breaks: what would break a line of a table, a run or a log."""
_ILLEGIBLE = re.compile(f"{_CONTROL.pattern}|{_HALF_CHARACTER.pattern}")
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decode(data: bytes, path: Path, line: int = 1) -> str:
    """The text of a file, or of a part of it that begins at this line.

    Raises:
        FileError: not UTF-8; names the line.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line += error.object.count(b"\n", 0, error.start)
        found = " but UTF-16" if data.startswith(_UTF_16) else f" (byte 0x{error.object[error.start]:02x})"
        raise FileError(path, f"not UTF-8{found}", line=line, hint="convert it to UTF-8") from None


def read_text(path: Path) -> str:
    """The text of a file, which may be compressed.

    Raises:
        FileError: missing, damaged or not UTF-8.
    """
    with open_bytes(path) as handle:
        return decode(handle.read(), path)


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Stream (number from 1, text without its line end) of the lines of a file, compressed or not, that are
    not blank.

    Raises:
        FileError: missing, damaged or not UTF-8.
    """
    with open_bytes(path) as handle:
        for number, raw in enumerate(handle, start=1):
            if raw.strip() and (line := decode(raw, path, number)).strip():  # a byte order mark is no text
                yield number, line.rstrip("\r\n")


def parse_json(text: str) -> Any:
    """The value that a JSON text holds.

    >>> parse_json("[" * 100_000)
    Traceback (most recent call last):
    ...
    ValueError: nested too deeply

    Raises:
        ValueError: says in a few words why it can't be read, with the column (and the line after the first).
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        place = f"column {error.colno}" if error.lineno == 1 else f"line {error.lineno}, column {error.colno}"
        raise ValueError(f"{error.msg} at {place}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    except ValueError:  # of int()
        raise ValueError(f"an integer of more than {sys.get_int_max_str_digits()} digits") from None


def is_text(value: str) -> bool:
    """Whether a string can be written to a file: not if it has halves of surrogate pairs, as JSON can spell
    them and as Python puts them in place of bytes of a file name or an argument that are not UTF-8.

    >>> is_text("Café 🙂"), is_text("caf\\udce9")
    (True, False)
    """
    return value.isascii() or not _HALF_CHARACTER.search(value)


def has_control_characters(value: str) -> bool:
    """Whether a string has tabs, line breaks or other control characters.

    >>> has_control_characters("a b"), has_control_characters("a\\tb"), has_control_characters("a\\u2028b")
    (False, True, True)
    """
    return bool(_CONTROL.search(value))


def legible(name: str) -> str:
    """The name of a file or folder as text: bytes that are not UTF-8, and control characters, are spelt out.

    >>> legible("Café.txt"), legible("caf\\udce9.txt"), legible("a\\tb.txt")
    ('Café.txt', 'caf\\\\xe9.txt', 'a\\\\tb.txt')
    """
    return _ILLEGIBLE.sub(_spelt, name)


def _spelt(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else repr(found[0])[1:-1]
