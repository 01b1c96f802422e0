"""Any input becomes passages; sentences in twenty languages; the documentation that every Python carries."""

from drama.corpus.languages import LANGUAGE_NAMES, surely_another_language
from drama.corpus.sentences import split_sentences
from drama.corpus.settings import CorpusSettings
from drama.corpus.stage import build_corpus
from drama.corpus.words import count_words, cut_words, split_words

__all__ = [
    "LANGUAGE_NAMES",
    "CorpusSettings",
    "build_corpus",
    "count_words",
    "cut_words",
    "split_sentences",
    "split_words",
    "surely_another_language",
]
