"""The `corpus` section of a recipe."""

from pydantic import Field

from drama.settings import Section


class CorpusSettings(Section):
    """Where documents come from."""

    inputs: list[str] = ["python-docs"]
    """Each `python-docs`, a BEIR folder (only its corpus is read), a .jsonl, a passages .parquet, or a folder
    of .txt and .md files."""
    max_documents: int | None = Field(default=None, ge=2)
    """Keep a seeded sample of this many; None keeps all."""
    known_items: int = Field(default=300, ge=1)
    """Judged queries that are made from `python-docs`."""
