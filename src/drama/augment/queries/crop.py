"""Sent: sentences of a document as queries (paper, section 3)."""

import random
from collections.abc import Callable, Iterable, Iterator

from drama.augment.candidate import Candidate
from drama.augment.settings import CropSettings
from drama.language import count_words, split_sentences, split_words
from drama.records import Document


def crop(
    documents: Iterable[Document], settings: CropSettings, seed: int, count: Callable[[str], None]
) -> Iterator[Candidate]:
    """Up to `per_document` random sentences of each document, and its title if asked for.

    A sentence of more than `max_words` counts as several, so that a text without full stops gives queries
    from all of it.

    The draw depends on the seed and the document's id only. Documents without a sentence of `min_words`
    are counted. Words are counted as in `drama.language.words`, so that scripts without spaces count too.
    """
    number = 0
    for row, document in enumerate(documents):
        origin = (document.id, document.lang, document.source)
        if settings.titles and count_words(document.title) >= settings.min_words:
            yield Candidate(f"title-{row:06d}", document.title, "title", *origin)
            count("title: made")
        sentences = [
            piece
            for sentence in split_sentences(document.text, document.lang)
            for piece in split_words(sentence, settings.max_words)
            if count_words(piece) >= settings.min_words
        ]
        if settings.per_document and not sentences:
            count("sent: no sentence long enough")
        rng = random.Random(f"{seed}\0{document.id}")
        for sentence in rng.sample(sentences, min(settings.per_document, len(sentences))):
            yield Candidate(f"sent-{number:06d}", sentence, "sent", *origin)
            number += 1
            count("sent: made")
