"""Sent and title: a document's own sentences and title as queries (paper, section 3)."""

import random
from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from drama.augment.candidate import Candidate
from drama.augment.context import Context
from drama.augment.queries.maker import Maker
from drama.console import warn
from drama.language import AT_SPACES, count_words, split_sentences, split_words, splits_at_spaces
from drama.records import Document, Documents


class CropSettings(Maker):
    """Sentences of a document as queries (paper, section 3: Sent)."""

    kinds = {"sent": "per_document", "title": "titles"}

    per_document: int = Field(default=1, ge=0)
    """Random sentences a document; 0 = none."""
    min_words: int = Field(default=5, ge=1)
    """Shorter sentences and titles do not become queries. Scripts without spaces have words too."""
    max_words: int = Field(default=40, ge=1)
    """Longer sentences are split into pieces of this many words."""
    titles: bool = False
    """A document's title is a query too, if it has `min_words`."""

    @model_validator(mode="after")
    def _words_in_order(self) -> Self:
        if self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} is above max_words {self.max_words}")
        return self

    def make(self, documents: Documents, context: Context) -> Iterator[Candidate]:
        """Yield up to `per_document` random sentences of each document, and its title where `titles` is on.

        The draw depends on the seed and the document's id only. Documents without a sentence of `min_words`
        are counted, and so are those whose language's splitter is not installed.
        """
        number = at_spaces = 0
        for row, document in enumerate(documents):
            origin = (document.id, document.lang, document.source)
            if self.titles and count_words(document.title) >= self.min_words:
                yield Candidate(f"title-{row:06d}", document.title, "title", *origin)
                context.count("title: made")
            sentences = self._sentences(document)
            if self.per_document and splits_at_spaces(document.lang):
                context.count(f"sent: {AT_SPACES}")
                at_spaces += 1
            if self.per_document and not sentences:
                context.count("sent: no sentence long enough")
            rng = random.Random(f"{context.seed}\0{document.id}")
            for sentence in rng.sample(sentences, min(self.per_document, len(sentences))):
                yield Candidate(f"sent-{number:06d}", sentence, "sent", *origin)
                number += 1
                context.count("sent: made")
        if at_spaces:
            warn(f"sent: {at_spaces} documents: {AT_SPACES}")

    def _sentences(self, document: Document) -> list[str]:
        """Those that are long enough; a long one is several, so that a text without full stops gives queries
        from all of it."""
        return [
            piece
            for sentence in split_sentences(document.text, document.lang)
            for piece in split_words(sentence, self.max_words)
            if count_words(piece) >= self.min_words
        ]
