"""The part of a passage that a hit shows, with the words of the query marked in it."""

import re
from typing import NamedTuple

from drama.language.terms import analyse, places, terms_of
from drama.records import Document

_HEADING = re.compile(r"^#{1,6}\s+", re.MULTILINE)
_WIDTH = 280
"""Characters."""


class Snippet(NamedTuple):
    """A part of a text on one line; `marks` are (start, end) in it."""

    text: str
    marks: list[tuple[int, int]]

    def parts(self) -> list[tuple[str, bool]]:
        """The text in pieces: marked or not.

        >>> Snippet("wings lift", [(0, 5)]).parts()
        [('wings', True), (' lift', False)]
        """
        pieces, at = [], 0
        for start, end in self.marks:
            pieces += [(self.text[at:start], False), (self.text[start:end], True)]
            at = end
        pieces.append((self.text[at:], False))
        return [(text, marked) for text, marked in pieces if text]


def snippet(passage: Document, query: str, width: int = _WIDTH) -> Snippet:
    """The part of a passage's text that holds the most terms of a query, and the earliest of those; its
    beginning, where it holds none.

    Args:
        passage: with its language, by which words are compared.
        query: a text.
        width: characters at most, but for the three dots.

    >>> passage = Document("d", "", "Birds sing at dawn. Wings lift them into the air.", "en")
    >>> snippet(passage, "wing lift", width=30).text
    '… Wings lift them into the air.'
    """
    text = flowing(passage.text)
    terms = {*analyse(query, passage.lang)}
    found = places(text, terms, passage.lang)
    start = 0
    if len(text) > width:
        start = _best_start(text, found, passage.lang, width)
    end = min(len(text), start + width)
    if end < len(text):
        end = max(text.rfind(" ", start, end + 1), start + width // 2)
    before, after = ("… " if start else ""), (" …" if end < len(text) else "")
    shift = len(before) - start
    marks = [(left + shift, right + shift) for left, right in found if start <= left and right <= end]
    return Snippet(before + text[start:end].strip() + after, marks)


def flowing(text: str) -> str:
    """A text on one line, without the marks of headings.

    >>> flowing("# Install\\n\\nRun  make.\\n")
    'Install Run make.'
    """
    return " ".join(_HEADING.sub("", text).split())


def _best_start(text: str, found: list[tuple[int, int]], lang: str, width: int) -> int:
    """Where the window of a text begins that holds the most different terms."""
    best, start = 0, 0
    for i, (left, _) in enumerate(found):
        within = [text[a:b] for a, b in found[i:] if b - left <= width]
        count = len({term for word in within for term in terms_of(word, lang)})
        if count > best:
            best, start = count, left
    return _sentence_start(text, start, width)


def _sentence_start(text: str, start: int, width: int) -> int:
    """A little before a place: the beginning of its sentence if that is near, or of a word."""
    if start == 0:
        return 0
    near = max(0, start - width // 3)
    for mark in (". ", "? ", "! ", "。"):
        at = text.rfind(mark, near, start)
        if at >= 0:
            return at + len(mark)
    return near and text.find(" ", near, start + 1) + 1
