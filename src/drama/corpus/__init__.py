"""Any input becomes passages: readers by kind of file, languages, chunks, duplicates."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.corpus.settings import CorpusSettings
    from drama.corpus.stage import build_corpus

__all__ = ["CorpusSettings", "build_corpus"]

__getattr__ = lazy_names(__name__)
