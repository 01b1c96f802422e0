"""The section `prune.vocabulary`."""

from pydantic import Field

from drama.settings import Section


class VocabularySettings(Section):
    """Which tokens stay."""

    coverage: float = Field(default=0.999, gt=0.0, le=1.0)
    """Share of each language's tokens that stay by frequency; bytes, special tokens and the parts of kept
    merges stay in any case."""
