"""A file that is one document: its text, whatever its encoding."""

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from drama.errors import FileError
from drama.files.compression import open_bytes, uncompressed_name
from drama.records import Metadata

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes({*range(32)} - {*b"\t\n\v\f\r\b\x1b"}) + b"\x7f"
"""Control bytes that texts hardly have; backspaces and escapes are in printed manual pages and logs."""
_SAMPLE = 65536
_FEW = 0.01
"""Share of bytes above 127 below which a text counts as Western European; so does one with up to three."""
_WESTERN = "cp1252"
_MANUAL = re.compile(r"""(?:\s*(?:['.]\\"[^\n]*|['.]\s*)\n)*\.(?:TH|Dd)\s""")


class Page(NamedTuple):
    """Title and text, in which headings are lines that begin with `#`, and code is fenced as in Markdown;
    an empty `lang` is detected. `encoding` is one that was guessed, `metadata` what its front matter says
    besides."""

    title: str
    text: str
    lang: str = ""
    encoding: str = ""
    metadata: Metadata = ()


class UnreadableError(FileError):
    """A file without a text that can be read; `reason` says why in a few words, the same for a kind."""

    def __init__(self, path: Path, reason: str, detail: str = "", hint: str = "") -> None:
        super().__init__(path, f"{reason} ({detail})" if detail else reason, hint=hint)
        self.reason = reason


def read_bytes(path: Path) -> bytes:
    """The content of a file, which may be compressed.

    Raises:
        UnreadableError: damaged, or not readable for this user.
    """
    try:
        with open_bytes(path) as handle:
            return handle.read()
    except FileError as error:
        raise UnreadableError(path, "damaged", error.message.partition(": ")[2], error.hint) from None
    except PermissionError:
        raise UnreadableError(path, "no permission to read it") from None


def text_of(data: bytes, path: Path) -> tuple[str, str]:
    """The text in these bytes, and its encoding if that was guessed: UTF-8, else what a byte order mark says,
    else the likeliest by charset-normalizer.

    Raises:
        UnreadableError: binary, or in no encoding that is known.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            with suppress(UnicodeDecodeError):
                return data.decode(encoding).removeprefix("\ufeff"), ""
    sample = data[:_SAMPLE]
    if b"\0" in sample or len(sample.translate(None, _CONTROLS)) < (1 - _FEW) * len(sample):
        raise UnreadableError(path, "binary")
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError:
        pass
    for encoding in _guesses(data):
        with suppress(UnicodeDecodeError):
            return data.decode(encoding), encoding
    raise UnreadableError(path, "in an unknown encoding", hint="convert it to UTF-8")


def _guesses(data: bytes) -> Iterator[str]:
    """Encodings that a text which is not UTF-8 may have, likeliest first."""
    from charset_normalizer import from_bytes

    high = sum(byte > 127 for byte in data[:_SAMPLE])
    if high < max(4, _FEW * len(data[:_SAMPLE])):
        yield _WESTERN
    # Whole lines with such bytes: a text of little else than ASCII looks like anything.
    lines = b"\n".join(line for line in data.splitlines() if not line.isascii())[:_SAMPLE]
    found = list(from_bytes(lines))
    if found:
        equal = [m for m in found if (m.chaos, m.coherence) == (found[0].chaos, found[0].coherence)]
        if any(_WESTERN in match.could_be_from_charset for match in equal):
            yield _WESTERN
        yield from (match.encoding for match in found)
    yield _WESTERN


def read_plain_page(path: Path) -> Page:
    """Read a text file; the source of a manual page is read as one, whatever its name.

    Raises:
        UnreadableError: damaged, binary, or in no known encoding.
    """
    text, encoding = text_of(read_bytes(path), path)
    if _MANUAL.match(text):
        from drama.corpus.readers.man_page import manual

        return manual(text)._replace(encoding=encoding)
    return Page("", text, encoding=encoding)


def read_code(path: Path) -> Page:
    """Read source code, as one block of code whose title is its file's name.

    Raises:
        UnreadableError: damaged, binary, or in no known encoding.
    """
    text, encoding = text_of(read_bytes(path), path)
    title = uncompressed_name(path.name)
    return Page(title, fenced(text, Path(title).suffix[1:]) if text.strip() else "", encoding=encoding)


def fenced(code: str, language: str = "") -> str:
    """Code between lines of backquotes, one more than it has itself.

    >>> fenced("x = 1", "py")
    '```py\\nx = 1\\n```'
    """
    longest = max((len(run) for run in re.findall("`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    body = code.strip("\n")
    return f"{fence}{language}\n{body}\n{fence}"
