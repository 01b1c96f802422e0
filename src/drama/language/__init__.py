"""Everything that knows a language: words, sentences, abbreviations, detection, search terms."""

from drama.language.detect import (
    LANGUAGE_NAMES,
    LanguageDetector,
    most_likely_language,
    surely_another_language,
    wrong_language,
)
from drama.language.sentences import split_sentences
from drama.language.terms import analyse
from drama.language.words import count_words, cut_words, plain_text, split_words

__all__ = [
    "LANGUAGE_NAMES",
    "LanguageDetector",
    "analyse",
    "count_words",
    "cut_words",
    "most_likely_language",
    "plain_text",
    "split_sentences",
    "split_words",
    "surely_another_language",
    "wrong_language",
]
