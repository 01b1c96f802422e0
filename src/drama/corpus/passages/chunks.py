"""Long documents in passages: cut where a section, a paragraph or a sentence begins."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

from drama.corpus.passages.settings import ChunkSettings
from drama.corpus.passages.structure import Block, blocks
from drama.errors import DramaError, FileError
from drama.language.sentences import AT_SPACES, split_sentences, splits_at_spaces
from drama.records import Document

CUT = "longer than a passage, cut into several"
"""Outcome of a document in several passages."""
BETWEEN = " > "
"""Between a title and the headings above a passage."""
_SPECIAL = 3
"""Tokens besides title and text: BOS, EOS, and at most one for the space between the two."""
_BLOCK = 512
_LEAST = 16
_WINDOW = 8
"""Characters a token of the room that are read to find where a piece ends; more where tokens are longer."""
_NOT_SPACE = re.compile(r"\S")
_UNIT, _SECTION = 1 / 32, 1 / 64
"""Shares of the room: spans are joined up to the first before places to cut are compared, and sections up to
the second, so that the time does not grow with the number of spans in a room."""
_HEADING_WITH = 1 / 4
"""Share of the room up to which a heading stays with what follows it."""
_PATH = 1 / 4
"""Largest share of the room that headings above a chunk may take."""
_BALANCE = 0.5
"""Weight of a chunk's length, squared, as a share of the room: it makes chunks equal."""
_HEADING, _PARAGRAPH, _CODE, _IN_CODE, _SENTENCE, _CODE_LINE, _WORD = 0.0, 0.25, 0.35, 0.4, 0.5, 0.7, 1.0
"""What it costs to begin a chunk at a first-level heading, a paragraph, a block of code, code after a blank
line, a sentence, a line of code, inside a sentence; a chunk more costs 1."""
_LEVEL = 0.03
"""What each further level of a heading costs."""


_Path = tuple[str, ...]
"""The headings above a place, outermost first."""


class _Span(NamedTuple):
    """A part of a text that is not cut, and what it costs to begin a chunk there."""

    start: int
    end: int
    cost: float
    path: _Path
    is_heading: bool = False
    tokens: int = 0
    """Of the part alone."""


def chunked(
    documents: Iterable[Document],
    settings: ChunkSettings,
    tokenizer: Path | None,
    count: Callable[[str], None] = lambda outcome: None,
    cut_before: Collection[str] = (),
) -> Iterator[Document]:
    """The documents, long ones in chunks; `count` gets `CUT` for each of these, and `AT_SPACES` for each
    whose sentences are not known. What has an id in `cut_before` is a passage already.

    Raises:
        DramaError: a chunk's id is another document's.
    """
    if not isinstance(settings.tokens, int) or tokenizer is None:
        yield from documents
        return
    chunks = Chunker(tokenizer, settings.tokens, settings.overlap)
    numbered: set[str] = set()  # ids that a chunk could have too
    for document in documents:
        is_cut = document.id in cut_before
        pieces = [document] if is_cut else chunks(document)
        if len(pieces) > 1 or (is_cut and document.id == f"{document.chunk_of}#1"):
            count(CUT)
            if splits_at_spaces(document.lang):
                count(AT_SPACES)
        for chunk in pieces:
            if "#" in chunk.id:
                if chunk.id in numbered:
                    raise DramaError(f"corpus: a chunk and a document are both called '{chunk.id}'")
                numbered.add(chunk.id)
            yield chunk


def room_in(max_length: int, prefix: str, tokenizer: Path) -> int:
    """Tokens of a passage that a model of this length reads to its end after its prefix, BOS and EOS
    included.

    Raises:
        FileError: the tokenizer can't be read.
    """
    return max(_LEAST, max_length - len(_opened(tokenizer).encode(prefix, add_special_tokens=False)))


def _opened(tokenizer: Path) -> Any:
    """The tokenizer, which some models' files tell to pad and to cut."""
    from tokenizers import Tokenizer

    try:
        opened = Tokenizer.from_file(str(tokenizer))
    except Exception as error:  # the library raises nothing narrower
        raise FileError(tokenizer, f"can't be read as a tokenizer ({error})") from None
    opened.no_truncation()
    opened.no_padding()
    return opened


class Chunker:
    """Cuts documents that a model would not read to their end.

    Of all ways to cut, the one is taken in which the fewest chunks begin at the best places and are of about
    equal length: a heading (a line with `#`), else a paragraph or a block of code, a sentence, a line of
    code. None is above the limit with its title, BOS and EOS. A longer sentence is cut between words, or
    between characters where it has no spaces. Tokens are counted sentence by sentence.

    Each chunk has the document's title, and the headings above its beginning: `Manual > Options > Output`.
    The outermost go where they take more than a quarter of the limit. A title that takes more than half of it
    is treated as text. Ids are `<id>#1`, `<id>#2`, …; a document that fits is unchanged.

    Args:
        tokenizer: a model's `tokenizer.json`. tokens: the limit. overlap: tokens of whole sentences before a
            chunk that it repeats, at most; none where a heading begins
            it.
    """

    def __init__(self, tokenizer: Path, tokens: int, overlap: int = 0) -> None:
        self._tokenizer = _opened(tokenizer)
        self._room = tokens - _SPECIAL
        self._overlap = overlap

    def __call__(self, document: Document) -> list[Document]:
        """The chunks of a document, or itself."""
        title, text = document.title, document.text
        if self._fits(document.full_text):
            return [document]
        (taken,) = self._count([title])
        if taken > self._room // 2:
            title, text, taken = "", document.full_text, 0
        found = list(blocks(text))
        paths = self._paths(found, title, int(_PATH * (self._room - taken)))
        above = max((tokens for _, tokens in paths.values()), default=0)
        room = self._room - taken - above - self._overlap
        spans = list(self._spans(text, found, document.lang, room))
        if not spans:  # nothing but white space
            return [document]
        return [
            document._replace(
                id=f"{document.id}#{n}",
                title=self._titled(title, paths[path][0], text[a:b]),
                text=text[a:b],
                chunk_of=document.id,
            )
            for n, (a, b, path) in enumerate(self._combined(text, spans, room), start=1)
        ]

    # --- headings -------------------------------------------------------------------------------------

    def _paths(self, found: Sequence[Block], title: str, most: int) -> dict[_Path, tuple[str, int]]:
        """The headings above each place, as they stand in titles, and how many tokens they take: at most
        `most`."""
        titles = list(dict.fromkeys(f"{BETWEEN}{block.title}" for block in found if block.kind == "heading"))
        tokens = dict(zip(titles, self._count(titles), strict=True))
        paths: dict[_Path, tuple[str, int]] = {}
        for path in dict.fromkeys(path for _, path in _with_paths(found)):
            kept: list[str] = []
            taken = 0
            for name in reversed(path):
                taken += tokens[f"{BETWEEN}{name}"]
                if taken > most:
                    break
                if name.casefold() != title.casefold():
                    kept.insert(0, name)
            joined = BETWEEN.join(kept)
            paths[path] = joined, sum(tokens[f"{BETWEEN}{name}"] for name in kept)
        return paths

    def _titled(self, title: str, path: str, text: str) -> str:
        """The title of a chunk, with the headings above it."""
        joined = BETWEEN.join(filter(None, (title, path)))
        # Tokens were counted part by part; a tokenizer may need more for the whole.
        return joined if path and self._fits(f"{joined} {text}") else title

    # --- places to cut --------------------------------------------------------------------------------

    def _spans(self, text: str, found: Sequence[Block], lang: str, room: int) -> Iterator[_Span]:
        """Headings, sentences and lines of code, those above the room in pieces."""
        whole: list[_Span] = []
        for block, path in _with_paths(found):
            if block.kind == "code":
                parts = _lines_of_code(text, block)
            elif block.kind == "heading":
                parts = iter([(block.start, block.end, _HEADING + _LEVEL * (block.level - 1))])
            else:
                parts = _sentences(text, block, lang)
            is_heading = block.kind == "heading"
            whole += [_Span(start, end, cost, path, is_heading) for start, end, cost in parts]
        counts = self._count([text[span.start : span.end] for span in whole])
        for span, count in zip(whole, counts, strict=True):
            if count <= room:
                yield span._replace(tokens=count)
                continue
            pieces = list(self._pieces(text, span.start, span.end, room))
            for (a, b), tokens in zip(pieces, self._count([text[a:b] for a, b in pieces]), strict=True):
                yield span._replace(
                    start=a, end=b, cost=span.cost if a == span.start else _WORD, tokens=tokens
                )

    def _pieces(self, text: str, start: int, end: int, room: int) -> Iterator[tuple[int, int]]:
        """A sentence, cut where it is above the room: at the last space in the second half of the room, else
        between characters."""
        wide = _WINDOW * room
        while start < end:
            window = text[start : min(end, start + wide)]
            found = self._tokenizer.encode(window, add_special_tokens=False).offsets
            if len(found) <= room:
                if start + len(window) == end:
                    yield start, end
                    return
                wide *= 2
                continue
            # A token that begins inside a character takes the whole character with it.
            most = max(1, min(found[room][0], found[room - 1][1]))
            space = max(window.rfind(gap, most // 2, most + 1) for gap in " \t\n")
            cut = space if space > 0 else most
            yield start, start + cut
            start = next((match.start() for match in _NOT_SPACE.finditer(text, start + cut, end)), end)
            wide = max(room, 2 * cut)

    # --- chunks ---------------------------------------------------------------------------------------

    def _combined(self, text: str, spans: Sequence[_Span], room: int) -> Iterator[tuple[int, int, _Path]]:
        """Where each chunk begins and ends, with what it repeats, and the headings above its own
        beginning."""
        ends = [span.end for span in spans]
        following = self._count([text[a:b] for a, b in zip([0, *ends], ends, strict=False)])
        counts = [max(span.tokens, count) for span, count in zip(spans, following, strict=True)]
        starts = _cuts(_units(spans, counts, room), spans, [0, *accumulate(counts)], room)
        for first, after in zip(starts, [*starts[1:], len(spans)], strict=True):
            begin, left = first, self._overlap
            while begin and not spans[first].is_heading and counts[begin - 1] <= left:
                begin -= 1
                left -= counts[begin]
            yield spans[begin].start, spans[after - 1].end, spans[first].path

    def _fits(self, text: str) -> bool:
        beginning = text[: 4 * _WINDOW * self._room]
        (count,) = self._count([beginning])
        if len(beginning) < len(text) and count <= 2 * self._room:
            (count,) = self._count([text])
        return count <= self._room

    def _count(self, texts: Sequence[str]) -> list[int]:
        blocks = (texts[i : i + _BLOCK] for i in range(0, len(texts), _BLOCK))
        encode = self._tokenizer.encode_batch_fast  # without offsets
        return [len(each) for block in blocks for each in encode(block, add_special_tokens=False)]


def _with_paths(found: Sequence[Block]) -> Iterator[tuple[Block, _Path]]:
    """Each block with the headings above it."""
    above: list[Block] = []
    for block in found:
        if block.kind == "heading":
            above = [heading for heading in above if heading.level < block.level]
        yield block, tuple(heading.title for heading in above)
        if block.kind == "heading":
            above.append(block)


def _sentences(text: str, block: Block, lang: str) -> Iterator[tuple[int, int, float]]:
    """The sentences of a paragraph: in the text their words may have other white space between them."""
    cost, at = _PARAGRAPH, block.start
    for sentence in split_sentences(text[block.start : block.end], lang):
        start = end = _next_letter(text, at, block.end)
        if text.startswith(sentence, start):
            end = start + len(sentence)
        else:
            for word in sentence.split(" "):
                end = _next_letter(text, end, block.end) + len(word)
        yield start, end, cost
        cost, at = _SENTENCE, end


def _next_letter(text: str, start: int, end: int) -> int:
    found = _NOT_SPACE.search(text, start, end)
    return found.start() if found else end


def _lines_of_code(text: str, block: Block) -> Iterator[tuple[int, int, float]]:
    """The lines of a block of code that are not blank, without the white space around them."""
    cost, start = _CODE, block.start
    for line in text[block.start : block.end].split("\n"):
        if line.strip():
            begin = start + len(line) - len(line.lstrip())
            yield begin, begin + len(line.strip()), cost
            cost = _CODE_LINE
        else:
            cost = min(cost, _IN_CODE)
        start += len(line) + 1


def _units(spans: Sequence[_Span], counts: Sequence[int], room: int) -> list[int]:
    """The spans before which a cut is considered: not between very short ones, nor after a short heading."""
    firsts: list[int] = []
    held = 0
    for i, (span, count) in enumerate(zip(spans, counts, strict=True)):
        share = _SECTION if span.is_heading else _UNIT
        if i and spans[i - 1].is_heading:
            share = _HEADING_WITH
        if not firsts or held >= share * room or held + count > room:
            firsts.append(i)
            held = 0
        held += count
    return firsts


def _cuts(firsts: Sequence[int], spans: Sequence[_Span], before: Sequence[int], room: int) -> list[int]:
    """The spans with which the chunks begin, so that all fit and the sum of their costs is lowest.

    Args:
        firsts: spans that may begin a chunk; from one to the next they fit.
        before: tokens before each span, and of all.
    """
    places = [*firsts, len(spans)]
    best, came_from = [0.0], [0]
    for j in range(1, len(places)):
        lowest, at = float("inf"), j - 1
        for i in range(j - 1, -1, -1):
            held = before[places[j]] - before[places[i]]
            if held > room:
                break
            cost = best[i] + 1 + _BALANCE * (held / room) ** 2 + (spans[places[i]].cost if i else 0.0)
            if cost < lowest:
                lowest, at = cost, i
        best.append(lowest)
        came_from.append(at)
    chosen: list[int] = []
    j = len(places) - 1
    while j:
        j = came_from[j]
        chosen.append(places[j])
    return chosen[::-1]
