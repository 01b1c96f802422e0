"""Sent: sentences of a document as queries (paper, section 3)."""

import random
from collections.abc import Callable, Iterable, Iterator

from drama.augment.candidate import Candidate
from drama.augment.settings import CropSettings
from drama.corpus import count_words, cut_words, split_sentences
from drama.records import Document


def crop(
    documents: Iterable[Document], settings: CropSettings, seed: int, count: Callable[[str], None]
) -> Iterator[Candidate]:
    """Up to `per_document` random sentences of each document, and its title if asked for.

    The draw depends on the seed and the document's id only. Documents without a sentence of `min_words`
    are counted. Words are counted as in `drama.corpus.words`, so that scripts without spaces count too.
    """
    number = 0
    for row, document in enumerate(documents):
        if settings.titles and count_words(document.title) >= settings.min_words:
            yield Candidate(f"title-{row:06d}", document.title, "title", document)
            count("title: made")
        sentences = [
            s for s in split_sentences(document.text, document.lang) if count_words(s) >= settings.min_words
        ]
        if settings.per_document and not sentences:
            count("sent: no sentence long enough")
        rng = random.Random(f"{seed}\0{document.id}")
        for sentence in rng.sample(sentences, min(settings.per_document, len(sentences))):
            query = cut_words(sentence, settings.max_words)
            yield Candidate(f"sent-{number:06d}", query, "sent", document)
            number += 1
            count("sent: made")
