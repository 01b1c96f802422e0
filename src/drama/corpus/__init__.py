"""Any input becomes passages; sentences in twenty languages; the documentation that every Python carries."""

from drama.corpus.sentences import split_sentences
from drama.corpus.settings import CorpusSettings
from drama.corpus.stage import build_corpus

__all__ = ["CorpusSettings", "build_corpus", "split_sentences"]
