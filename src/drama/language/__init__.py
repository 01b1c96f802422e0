"""Everything that knows a language: codes, words, sentences, abbreviations, detection, search terms."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.language.codes import Language, normalise_language
    from drama.language.detect import (
        LANGUAGE_NAMES,
        most_likely_language,
        surely_another_language,
        wrong_language,
    )
    from drama.language.guess import LanguageGuesser
    from drama.language.sentences import AT_SPACES, split_sentences, splits_at_spaces
    from drama.language.terms import analyse
    from drama.language.words import count_words, cut_words, plain_text, split_words

__all__ = [
    "AT_SPACES",
    "LANGUAGE_NAMES",
    "Language",
    "LanguageGuesser",
    "analyse",
    "count_words",
    "cut_words",
    "most_likely_language",
    "normalise_language",
    "plain_text",
    "split_sentences",
    "split_words",
    "splits_at_spaces",
    "surely_another_language",
    "wrong_language",
]

__getattr__ = lazy_names(__name__)
