"""The `evaluate` section of a recipe."""

from pydantic import Field, PositiveInt

from drama.compute import Precision
from drama.errors import DramaError
from drama.search import BM25_NAME, FITTED, FusionMethod
from drama.settings import Section
from drama.workspace import Needs


class FusionSettings(Section):
    """BM25 and a dense model as one ranking."""

    models: list[str] = []
    """Models of `evaluate.models` that are also reported fused with BM25."""
    method: FusionMethod = "minmax"
    """`minmax` adds scores scaled to 0…1; `rrf` adds 1 / (60 + rank) (reciprocal rank fusion)."""
    weight: float = Field(default=0.5, ge=0.0, le=1.0)
    """The dense model's share; BM25 has the rest."""
    depth: int = Field(default=1000, ge=1)
    """Hits of each ranking that are fused."""


class EvaluateSettings(Section):
    """Retrieval measures of models on judged collections."""

    models: list[str] = []
    """`bm25`, `lsa`, a folder, a short name, or a hub id."""
    collections: list[str] = []
    """BEIR folders."""
    split: str = "test"
    """The split of the judgments (`qrels/<split>.tsv`)."""
    dims: list[PositiveInt] = []
    """Widths to report besides the full one, for models that were trained at them."""
    max_length: int | None = Field(default=None, ge=4)
    """Cut texts to this many tokens; None: each model's own limit."""
    precision: Precision = "fp32"
    """Precision of the dense models: `fp32`, `bf16`, or `auto` (bf16 if the processor has it)."""
    exclude_self: bool = False
    """Drop the hit whose id is the query's own, as BEIR does for ArguAna and Quora."""
    fusion: FusionSettings = FusionSettings()

    def needs(self) -> Needs:
        """The models that are loaded, and the collections.

        Raises:
            DramaError: no models, no collections, a duplicate name, or a fusion with a model that is not
                listed.
        """
        if not self.models or not self.collections:
            raise DramaError("evaluate: name at least one model and one collection")
        for field, named in (("models", self.models), ("collections", self.collections)):
            duplicates = [name for i, name in enumerate(named) if name in named[:i]]
            if duplicates:
                raise DramaError(f"evaluate.{field}: '{duplicates[0]}' is listed twice")
        unlisted = [m for m in self.fusion.models if m not in self.models or m == BM25_NAME]
        if unlisted:
            raise DramaError(
                f"evaluate.fusion.models: '{unlisted[0]}' is not a dense model of evaluate.models"
            )
        return Needs(
            models=[model for model in self.models if model not in FITTED],
            collections=[(place, self.split) for place in self.collections],
        )
