"""Long documents in pieces: whole sentences, combined up to a number of tokens of a model."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from drama.errors import DramaError
from drama.language.sentences import split_sentences
from drama.records import Document
from drama.settings import Section

_SPECIAL = 3
"""Tokens besides title and text: BOS, EOS, and at most one for the space between the two."""
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
    documents: Iterable[Document], settings: ChunkSettings, tokenizer: Path | None
) -> Iterator[Document]:
    """The documents, long ones in chunks.

    Raises:
        DramaError: a chunk's id is another document's.
    """
    if settings.tokens is None or tokenizer is None:
        yield from documents
        return
    chunks = Chunker(tokenizer, settings.tokens)
    numbered: set[str] = set()  # ids that a chunk could have too
    for document in documents:
        for chunk in chunks(document):
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

        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._room = tokens - _SPECIAL

    def __call__(self, document: Document) -> list[Document]:
        """The chunks of a document, or itself."""
        title, text = document.title, document.text
        taken, whole = self._count([title, document.full_text])
        if whole <= self._room:
            return [document]
        if taken > self._room // 2:
            title, text, taken = "", document.full_text, 0
        spans = list(self._spans(text, document.lang, self._room - taken))
        return [
            document._replace(id=f"{document.id}#{n}", title=title, text=text[a:b], chunk_of=document.id)
            for n, (a, b) in enumerate(self._combined(text, spans, self._room - taken), start=1)
        ]

    def _spans(self, text: str, lang: str, room: int) -> Iterator[Span]:
        """Sentences, those above the room in pieces."""
        place = [match.start() for match in _NOT_SPACE.finditer(text)]
        at = 0
        for sentence in split_sentences(text, lang):
            letters = len(sentence) - sentence.count(" ")
            start, end = place[at], place[at + letters - 1] + 1
            at += letters
            yield from self._pieces(text, start, end, room)

    def _pieces(self, text: str, start: int, end: int, room: int) -> Iterator[Span]:
        while start < end:
            found = self._tokenizer.encode(text[start:end], add_special_tokens=False).offsets
            if len(found) <= room:
                yield start, end
                return
            # A token that begins inside a character takes the whole character with it.
            most = max(start + 1, start + min(found[room][0], found[room - 1][1]))
            space = max(text.rfind(gap, (start + most) // 2, most + 1) for gap in " \t\n")
            cut = space if space > start else most
            yield start, cut
            rest = text[cut:end]
            start = cut + len(rest) - len(rest.lstrip())

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

    def _count(self, texts: list[str]) -> list[int]:
        return [len(each) for each in self._tokenizer.encode_batch(texts, add_special_tokens=False)]
