"""Judged documents in passages: rankings are of passages, judgments stay with documents."""

from collections.abc import Mapping
from dataclasses import replace

from drama.console import note
from drama.corpus.languages import with_languages
from drama.corpus.passages.chunks import chunked
from drama.evaluate.settings import JudgedChunks
from drama.language.guess import LanguageGuesser
from drama.records import Collection

Parents = Mapping[str, str]
"""A passage's id → its document's; empty where documents are whole."""


def in_passages(collection: Collection, settings: JudgedChunks) -> tuple[Collection, Parents]:
    """A collection whose documents are passages, and where each is from.

    Raises:
        DramaError: no model is named that counts tokens, or a passage has the id of another document.
    """
    tokenizer = settings.tokenizer_file()
    if any(d.chunk_of for d in collection.documents):  # it is in passages already
        return collection, {d.id: d.whole_id for d in collection.documents}
    if tokenizer is None:
        return collection, {}
    documents = with_languages(collection.documents, LanguageGuesser([]))
    passages = list(chunked(documents, settings, tokenizer))
    parents = {p.id: p.whole_id for p in passages}
    if n := len({p.chunk_of for p in passages} - {""}):
        pieces = sum(bool(p.chunk_of) for p in passages)
        note(
            f"evaluate: {collection.name}: {n:,} of {len(collection.documents):,} documents are longer than "
            f"{settings.tokens} tokens: in {pieces:,} passages, each counts by its best one"
        )
    return replace(collection, documents=passages), parents
