"""Long documents in pieces: whole sentences, combined up to a number of tokens of a model."""

import math
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from drama.errors import DramaError, FileError
from drama.language.sentences import AT_SPACES, split_sentences, splits_at_spaces
from drama.records import Document
from drama.settings import Section

_SPECIAL = 3
"""Tokens besides title and text: BOS, EOS, and at most one for the space between the two."""
_BLOCK = 512
_WINDOW = 8
"""Characters a token of the room that are read to find where a piece ends; more where tokens are longer."""
_NOT_SPACE = re.compile(r"\S")
Span = tuple[int, int]
"""Where a piece begins and ends in its text, in characters."""


class ChunkSettings(Section):
    """Long documents in pieces."""

    tokens: int | None = Field(default=None, ge=16)
    """Longest passage, with its title, BOS and EOS; None keeps documents whole. The paper's is 256."""
    tokenizer: str | None = None
    """The model whose tokens are counted; None is the recipe's LLM, `prune.parent`."""

    @model_validator(mode="after")
    def _tokenizer_for_something(self) -> Self:
        if self.tokens is None and self.tokenizer is not None:
            raise ValueError("tokenizer is set, but documents are kept whole: set tokens")
        return self

    def tokenizer_file(self) -> Path | None:
        """The tokenizer's file; None where documents are kept whole.

        Raises:
            DramaError: no model is named, or it has no such file.
        """
        if self.tokens is None:
            return None
        if self.tokenizer is None:
            raise DramaError(
                "corpus.chunk.tokens counts a model's tokens, and no model is named",
                hint="set corpus.chunk.tokenizer: the LLM that will be pruned, or any model",
            )
        from drama.models import resolve  # imports torch

        file = resolve(self.tokenizer) / "tokenizer.json"
        if not file.is_file():
            raise DramaError(f"{file}: no such file", hint="name a model with a fast tokenizer")
        return file


def chunked(
    documents: Iterable[Document],
    settings: ChunkSettings,
    tokenizer: Path | None,
    count: Callable[[str], None] = lambda outcome: None,
) -> Iterator[Document]:
    """The documents, long ones in chunks; `count` gets `AT_SPACES` for each whose sentences are not known.

    Raises:
        DramaError: a chunk's id is another document's.
    """
    if settings.tokens is None or tokenizer is None:
        yield from documents
        return
    chunks = Chunker(tokenizer, settings.tokens)
    numbered: set[str] = set()  # ids that a chunk could have too
    for document in documents:
        pieces = chunks(document)
        if len(pieces) > 1 and splits_at_spaces(document.lang):
            count(AT_SPACES)
        for chunk in pieces:
            if "#" in chunk.id:
                if chunk.id in numbered:
                    raise DramaError(f"corpus: a chunk and a document are both called '{chunk.id}'")
                numbered.add(chunk.id)
            yield chunk


class Chunker:
    """Cuts documents that a model would not read to their end.

    Chunks of one document are of about equal length, none above the limit with its title, BOS and EOS. A
    longer sentence is cut between words, or between characters where it has no spaces. Tokens are counted
    sentence by sentence. Each chunk has the document's title; a title that takes more than half of the limit
    is treated as text. Ids are `<id>#1`, `<id>#2`, …; a document that fits is unchanged.

    Args:
        tokenizer: a model's `tokenizer.json`.
        tokens: the limit.
    """

    def __init__(self, tokenizer: Path, tokens: int) -> None:
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(tokenizer))
        except Exception as error:  # the library raises nothing narrower
            raise FileError(tokenizer, f"can't be read as a tokenizer ({error})") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._room = tokens - _SPECIAL

    def __call__(self, document: Document) -> list[Document]:
        """The chunks of a document, or itself."""
        title, text = document.title, document.text
        if self._fits(document.full_text):
            return [document]
        (taken,) = self._count([title])
        if taken > self._room // 2:
            title, text, taken = "", document.full_text, 0
        spans = list(self._spans(text, document.lang, self._room - taken))
        if not spans:  # nothing but white space
            return [document]
        return [
            document._replace(id=f"{document.id}#{n}", title=title, text=text[a:b], chunk_of=document.id)
            for n, (a, b) in enumerate(self._combined(text, spans, self._room - taken), start=1)
        ]

    def _spans(self, text: str, lang: str, room: int) -> Iterator[Span]:
        """Sentences, those above the room in pieces."""
        places = (match.start() for match in _NOT_SPACE.finditer(text))
        for sentence in split_sentences(text, lang):
            start = end = next(places)
            letters = len(sentence) - sentence.count(" ")
            end = deque(islice(places, letters - 1), maxlen=1)[0] if letters > 1 else start
            yield from self._pieces(text, start, end + 1, room)

    def _pieces(self, text: str, start: int, end: int, room: int) -> Iterator[Span]:
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

    def _combined(self, text: str, spans: Sequence[Span], room: int) -> Iterator[Span]:
        ends = [b for _, b in spans]
        alone = self._count([text[a:b] for a, b in spans])
        following = self._count([text[a:b] for a, b in zip([0, *ends], ends, strict=False)])
        counts = list(map(max, alone, following))
        first, held, left = 0, 0, sum(counts)
        for i, count in enumerate(counts):
            even = left / max(1, math.ceil(left / room))
            if held and (held + count > room or held + count / 2 > even):
                yield spans[first][0], spans[i - 1][1]
                first, held, left = i, 0, left - held
            held += count
        yield spans[first][0], spans[-1][1]

    def _fits(self, text: str) -> bool:
        beginning = text[: 4 * _WINDOW * self._room]
        (count,) = self._count([beginning])
        if len(beginning) < len(text) and count <= 2 * self._room:
            (count,) = self._count([text])
        return count <= self._room

    def _count(self, texts: Sequence[str]) -> list[int]:
        blocks = (texts[i : i + _BLOCK] for i in range(0, len(texts), _BLOCK))
        encode = self._tokenizer.encode_batch
        return [len(each) for block in blocks for each in encode(block, add_special_tokens=False)]
