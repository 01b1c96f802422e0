"""Sentences by rules (sentencex), and in Thai by a small model that comes with its library (pythainlp)."""

import os
import re

from sentencex import segment

from drama.errors import MissingExtraError
from drama.language.abbreviations import belongs_together

_AHEAD = 20
"""Characters of the next piece that decide whether it continues this one."""
_SPACE = re.compile(r"\s+")
_PARAGRAPH = re.compile(r"\n\s*\n")
_OPENED = re.compile(r"\s*«$")
_SPACED_STOP = re.compile(r"(?<=\s[.!?])\s+(?![\s»])")


def split_sentences(text: str, lang: str = "") -> list[str]:
    """The sentences of a text, white space folded; an unknown language is split as English is.

    A blank line ends a sentence, and so does a stop between spaces (as in tokenised abstracts).

    >>> split_sentences("Dr. Smith came. He left!", "en")
    ['Dr. Smith came.', 'He left!']
    >>> split_sentences("A heading\\n\\nthis was studied . results follow .")
    ['A heading', 'this was studied .', 'results follow .']

    Raises:
        MissingExtraError: a Thai text, without the extra `thai`.
    """
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        folded = _SPACE.sub(" ", paragraph).strip()
        for part in _SPACED_STOP.split(folded):
            pieces = _thai(part) if lang == "th" else segment(lang or "en", part)
            found += _joined([piece.strip() for piece in pieces if piece.strip()], part, lang)
    return found


def _joined(pieces: list[str], text: str, lang: str) -> list[str]:
    """The pieces, combined where they belong together, as they are in the text."""
    found: list[str] = []
    start = end = 0
    for piece in pieces:
        begin = text.index(piece, end)
        opened = _OPENED.search(found[-1]) if found else None
        if opened:  # an opening quotation mark belongs to what it opens
            begin = end - len(opened.group().lstrip())
            end -= len(opened.group())
            found[-1] = text[start:end]
        ahead = text[begin : begin + _AHEAD]
        if found and (not found[-1] or belongs_together(found[-1], ahead, begin > end, lang)):
            found.pop()
        else:
            start = begin
        end = text.index(piece, begin) + len(piece)
        found.append(text[start:end])
    return found


def _thai(text: str) -> list[str]:
    # Importing it would create a folder in the home directory.
    os.environ.setdefault("PYTHAINLP_READ_ONLY", "1")
    try:
        import pycrfsuite  # noqa: F401  a dependency of its splitter that it does not declare
        from pythainlp.tokenize import sent_tokenize
    except ImportError:
        raise MissingExtraError("pythainlp", "thai") from None
    pieces: list[str] = sent_tokenize(text, engine="crfcut")
    return pieces
