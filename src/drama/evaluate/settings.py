"""The `evaluate` section of a recipe."""

from pydantic import Field

from drama.compute import Precision
from drama.search import FusionMethod
from drama.settings import Section


class FusionSettings(Section):
    """BM25 and a dense model as one ranking."""

    models: list[str] = []
    """Which of `evaluate.models` are also reported fused with BM25."""
    method: FusionMethod = "minmax"
    weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """The dense model's share; BM25 has the rest."""
    depth: int = Field(default=1000, ge=1)
    """Hits of each that are fused."""


class EvaluateSettings(Section):
    """Which models on which collections."""

    models: list[str] = []
    """`bm25`, `lsa`, a folder, a short name, or a hub id."""
    collections: list[str] = []
    """BEIR-layout folders."""
    split: str = "test"
    dims: list[int] = []
    """Widths to report beside the full one, for models that were trained at them."""
    max_length: int | None = Field(default=None, ge=4)
    """Cut texts to this many tokens; None is each model's own limit."""
    precision: Precision = "fp32"
    """Of the dense models' matrix products: `fp32`, `bf16`, or `auto`: bf16 where the processor has it."""
    exclude_self: bool = False
    """Drop the hit whose id is the query's own, as BEIR does for ArguAna and Quora."""
    fusion: FusionSettings = FusionSettings()
