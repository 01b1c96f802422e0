"""Any input becomes passages: readers by kind of file, languages, chunks, duplicates."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from drama.corpus.settings import CorpusSettings
    from drama.corpus.stage import build_corpus

__all__ = ["CorpusSettings", "build_corpus"]


def __getattr__(name: str) -> Any:
    """The stage is loaded on first use: the command line's help needs the list of formats only."""
    if name in __all__:
        from drama.corpus import settings, stage

        return settings.CorpusSettings if name == "CorpusSettings" else stage.build_corpus
    raise AttributeError(f"module 'drama.corpus' has no attribute {name!r}")
