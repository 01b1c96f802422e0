"""Any input becomes passages: readers by kind of file, languages, chunks, duplicates."""

from drama.corpus.settings import CorpusSettings
from drama.corpus.stage import build_corpus

__all__ = ["CorpusSettings", "build_corpus"]
