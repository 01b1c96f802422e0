"""Sentences by rules (sentencex), and in Thai by a small model that comes with its library (pythainlp)."""

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import accumulate, pairwise

from sentencex import segment

from drama.language.abbreviations import belongs_together
from drama.language.stops import UNSPACED_STOP

_AROUND = 100
"""Characters on either side of a boundary that decide whether it is one."""
_WINDOW = 10_000
"""Characters that the splitter sees at once: its time grows with the square of a text full of quotations."""
_LONG = 500
"""A sentence of more characters is none: each of its lines is one."""
_SPACE = re.compile(r"\s+")
_LINE = re.compile(r"[\r\n]+")
_PARAGRAPH = re.compile(r"\n\s*\n")
_OPENED = re.compile(r"\s*«$|\s[\"“”„‘]$")
_CLOSED = re.compile(r"(?:\[[^\[\]]{1,40}\]|[\"“”»’)\].!?…])+(?=\s|$)")
_SPACED_STOP = re.compile(r"(?<=\s[.!?])\s+(?![\s»])")
_AT_SPACES = re.compile(r".{40,}?(?:\s|$)|.+")
"""Thai without its library: pieces that end at a space and have 40 characters or more."""
AT_SPACES = "Thai, split at spaces instead of sentences (pip install 'drama-retrieval[thai]')"
"""Outcome of a document whose sentences can't be found: see `splits_at_spaces`."""
Span = tuple[int, int]
Splitter = Callable[[str], Iterable[str]]


def split_sentences(text: str, lang: str = "") -> list[str]:
    """The sentences of a text, white space folded; an unknown language is split as English is.

    A blank line ends a sentence, and so does a stop between spaces (as in tokenised abstracts). In a log, a
    table or a list without stops, each line is one. The time is in proportion to the text, whatever is in it.
    Thai is split at spaces where the extra `thai` is not installed; see `splits_at_spaces`.

    >>> split_sentences("Dr. Smith came.He left!", "en")
    ['Dr. Smith came.', 'He left!']
    >>> split_sentences("A heading\\n\\nthis was studied . results follow .")
    ['A heading', 'this was studied .', 'results follow .']
    """
    found: list[str] = []
    for paragraph in _PARAGRAPH.split(text):
        lines = [line for line in (_SPACE.sub(" ", line).strip() for line in _LINE.split(paragraph)) if line]
        folded = " ".join(lines)
        starts = list(accumulate((len(line) + 1 for line in lines), initial=0))[1:-1]
        for start, end in _sentences(folded, lang):
            cuts = [start, end]
            if end - start > _LONG:
                cuts[1:1] = starts[bisect_right(starts, start) : bisect_left(starts, end)]
            found += (folded[a:b].rstrip() for a, b in pairwise(cuts))
    return found


def splits_at_spaces(lang: str) -> bool:
    """Whether `split_sentences` splits at spaces, because this language's splitter is not installed."""
    return lang == "th" and _thai() is None


def _sentences(text: str, lang: str) -> Iterator[Span]:
    split, at = _splitter(lang), 0
    for stop in [*_SPACED_STOP.finditer(text), None]:
        part = text[at : stop.start() if stop else None]
        for start, end in _combined(_pieces(part, split), part, lang):
            yield at + start, at + end
        at = stop.end() if stop else len(text)


def _pieces(text: str, split: Splitter) -> Iterator[Span]:
    """What the splitter separates. It reads a window, whose last piece, cut off as it is, is read again."""
    at = 0
    start: int | None = None  # of a piece that is longer than a window
    while at < len(text):
        window = text[at : at + _WINDOW]
        more = at + len(window) < len(text)
        spans = list(_located(split(window), window))
        for begin, end in spans[:-1] if more else spans:
            yield at + begin if start is None else start, at + end
            start = None
        if not more:
            return
        if len(spans) > 1:
            start = at = at + spans[-1][0]
        else:
            start = at if start is None else start
            at += window.rfind(" ") + 1 or len(window)


def _located(pieces: Iterable[str], text: str) -> Iterator[Span]:
    """Where the pieces are in the text, separated also at stops that the splitter does not see."""
    end = 0
    for piece in filter(None, map(str.strip, pieces)):
        start = text.index(piece, end)
        end = start + len(piece)
        starts = [start, *(start + stop.start() for stop in UNSPACED_STOP.finditer(piece))]
        yield from zip(starts, [*starts[1:], end], strict=True)


def _combined(pieces: Iterator[Span], text: str, lang: str) -> Iterator[Span]:
    """The pieces, those that belong together as one."""
    start, end = next(pieces, (0, 0))
    for begin, last in pieces:
        opened = _OPENED.search(text, max(start, end - 3), end)
        closed = _CLOSED.match(text, begin, last) if begin == end else None
        if opened and (begin == end or text[end - 1] == "«"):  # it belongs to what it opens
            begin, end = end - len(opened.group().lstrip()), opened.start()
        elif closed:  # a quotation mark or a note belongs to what it closes
            end = closed.end()
            begin = min(end + 1, last)
        if end <= start:
            start = begin
        elif begin < last and not (closed and text[begin].islower()):
            before = text[start : min(end, start + _AROUND)] + text[max(start + _AROUND, end - _AROUND) : end]
            if not belongs_together(before, text[begin : begin + _AROUND], begin > end, lang):
                yield start, end
                start = begin
        end = last
    if end > start:
        yield start, end


def _splitter(lang: str) -> Splitter:
    if lang == "th":
        return _thai() or _AT_SPACES.findall
    return lambda text: segment(lang or "en", text)


def _thai() -> Splitter | None:
    # Importing it would create a folder in the home directory.
    os.environ.setdefault("PYTHAINLP_READ_ONLY", "1")
    try:
        import pycrfsuite  # noqa: F401  a dependency of its splitter that it does not declare
        from pythainlp.tokenize import sent_tokenize
    except ImportError:
        return None
    return partial(sent_tokenize, engine="crfcut")
