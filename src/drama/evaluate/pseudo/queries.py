"""Pseudo-queries: a document's own words, taken out of it, ask for the rest of it."""

import random
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from drama.corpus.passages.chunks import BETWEEN
from drama.corpus.passages.structure import blocks
from drama.evaluate.pseudo.settings import Kind
from drama.language import count_words, split_sentences
from drama.records import Document

_NAME = re.compile(r"[/\\_]|\.\w{1,6}$")
"""A file's name, or one in code: nobody asks with it."""
_TITLE_WORDS, _SENTENCE_WORDS = (3, 25), (6, 30)
_LEAST_LEFT = 20
"""Words of a document that must be left."""
_SENTENCES = 3


class Pseudo(NamedTuple):
    """A query, and the passages of its document without it."""

    text: str
    passages: list[Document]


def pseudo_query(
    kind: Kind, passages: Sequence[Document], questions: Mapping[str, str], rng: random.Random
) -> Pseudo | None:
    """A query of a kind out of the passages of one document; None where they have none.

    Args:
        kind: what is asked.
        passages: all of the document's, in order.
        questions: passage id → a question that an LLM asked about it.
        rng: draws one of several headings or sentences.
    """
    if kind == "question":
        asked = [questions[p.id] for p in passages if p.id in questions]
        return Pseudo(rng.choice(asked), list(passages)) if asked else None
    if kind == "title":
        title = _title(passages)
        found = [title] if _is_title(title) else []
    elif kind == "heading":
        found = [h for p in passages for h in _headings(p.text) if _is_title(h) and h != _title(passages)]
    else:
        found = _sentences(passages)
    if not found:
        return None
    query = rng.choice(found)
    left = [_without(p, query) for p in passages]
    if left == list(passages) or sum(count_words(p.text) for p in left) < _LEAST_LEFT:
        return None
    if any(_pattern(query).search(p.full_text) for p in left):
        return None
    return Pseudo(query, left)


def _title(passages: Sequence[Document]) -> str:
    """The title of a document; those of its passages have headings after it."""
    first = passages[0]
    return first.title.split(BETWEEN)[0] if first.chunk_of else first.title


def _is_title(text: str) -> bool:
    low, high = _TITLE_WORDS
    return low <= count_words(text) <= high and not _NAME.search(text)


def _headings(text: str) -> list[str]:
    return [block.title for block in blocks(text) if block.kind == "heading"]


def _sentences(passages: Sequence[Document]) -> list[str]:
    """Sentences of paragraphs, where there are a few of them."""
    low, high = _SENTENCE_WORDS
    found = [
        sentence
        for p in passages
        for block in blocks(p.text)
        if block.kind == "paragraph"
        for sentence in split_sentences(p.text[block.start : block.end], p.lang)
    ]
    return [s for s in found if low <= count_words(s) <= high] if len(found) >= _SENTENCES else []


def _pattern(text: str) -> re.Pattern[str]:
    """Finds a text whatever the white space between its words."""
    return re.compile(r"\s+".join(map(re.escape, text.split())))


def _without(passage: Document, text: str) -> Document:
    """The passage without a text: in its title, as a heading, and wherever else it stands word for word."""
    gone = _pattern(text)
    parts = [gone.sub(" ", part).strip() for part in passage.title.split(BETWEEN)]
    title = BETWEEN.join(filter(None, parts))
    return passage._replace(title=title, text=gone.sub(" ", passage.text))
