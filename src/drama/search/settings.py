"""The `index` and `search` sections of a recipe."""

from pydantic import Field

from drama.settings import Section


class IndexSettings(Section):
    """The index of the corpus that a run leaves."""

    dim: int | None = None
    """Width of its vectors; None is the full width."""


class SearchSettings(Section):
    """Example searches in that index, for the summary."""

    queries: list[str] = []
    k: int = Field(default=3, ge=1)
    """Hits of each."""
