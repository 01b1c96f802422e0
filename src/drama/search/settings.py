"""The `index` and `search` sections of a recipe."""

from pydantic import Field, field_validator

from drama.search.indexes import KINDS
from drama.search.names import HYBRID_SHARE
from drama.search.smoothing_settings import SmoothingSettings
from drama.settings import Section


class IndexSettings(Section):
    """The index that a run builds of its corpus."""

    kind: str = "exact"
    """The kind of index. `exact` compares a query with every vector."""
    dim: int | None = None
    """Width of its vectors; None is the full width."""
    smoothing: SmoothingSettings | None = None
    """Move documents' vectors towards their neighbours'; None: they stay as they are."""
    words: bool = True
    """Keep BM25 in the index, for hybrid search."""
    dense_share: float = Field(default=HYBRID_SHARE, ge=0.0, le=1.0)
    """Share of the vectors in hybrid search; BM25 has the rest."""

    @field_validator("kind")
    @classmethod
    def _known(cls, kind: str) -> str:
        if kind not in KINDS:
            raise ValueError(f"no kind of index '{kind}'; kinds: {', '.join(KINDS)}")
        return kind


class SearchSettings(Section):
    """Example searches in that index, for the summary."""

    queries: list[str] = []
    """Example queries."""
    k: int = Field(default=3, ge=1)
    """Hits per query."""
