"""Documents that name no language get one."""

from collections.abc import Iterable, Iterator

from drama.language.guess import LanguageGuesser
from drama.records import Document


def with_languages(documents: Iterable[Document], guesser: LanguageGuesser) -> Iterator[Document]:
    """The documents, each with its language."""
    named = ((d, d.lang) for d in documents)
    for d, lang in guesser.named(named, lambda document: document.full_text):
        yield d._replace(lang=lang)
