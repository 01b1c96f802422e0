"""The `evaluate` section of a recipe."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from drama.compute import Precision
from drama.corpus.passages.settings import ChunkSettings
from drama.errors import DramaError
from drama.search import BM25_NAME, FITTED, HYBRID_SHARE, FusionMethod, SmoothingSettings
from drama.settings import Section
from drama.workspace import Needs


class FusionSettings(Section):
    """BM25 and a dense model as one ranking."""

    models: list[str] = []
    """Models of `evaluate.models` that are also reported fused with BM25."""
    method: FusionMethod = "hybrid"
    """`hybrid` adds cosines and BM25's scores as shares of the highest that they could be; `minmax` adds
    scores scaled to 0…1; `rrf` adds 1 / (60 + rank) (reciprocal rank fusion)."""
    weight: float | None = Field(default=None, ge=0.0, le=1.0)
    """The dense model's share; BM25 has the rest. None: 0.7 with `hybrid`, else 0.5."""
    depth: int = Field(default=1000, ge=1)
    """Hits of each ranking that are fused."""

    @property
    def dense_share(self) -> float:
        """The dense model's share.

        >>> FusionSettings().dense_share, FusionSettings(method="rrf").dense_share
        (0.7, 0.5)
        """
        if self.weight is not None:
            return self.weight
        return HYBRID_SHARE if self.method == "hybrid" else 0.5


class SmoothedSettings(SmoothingSettings):
    """Dense models with their documents' vectors moved towards their neighbours'."""

    models: list[str] = []
    """Models of `evaluate.models` that are also reported with smoothed documents; their fusion with BM25 is
    then that of the smoothed ones."""


class JudgedChunks(ChunkSettings):
    """Judged documents in passages; each counts by its best one (MaxP)."""

    tokens: Annotated[int, Field(ge=16)] | Literal["auto"] | None = "auto"
    """Longest passage, as in `corpus.chunk`. `auto` is as the run's corpus is cut. None keeps documents
    whole: a model reads as much of them as it can."""
    tokenizer: str | None = None
    """The model whose tokens are counted; None is the recipe's LLM, `prune.parent`."""


class EvaluateSettings(Section):
    """Retrieval measures of models on judged collections."""

    models: list[str] = []
    """`bm25`, `lsa`, a folder, a short name, a hub id, or an embeddings API's address."""
    collections: list[str] = []
    """BEIR folders."""
    split: str = "test"
    """The split of the judgments (`qrels/<split>.tsv`)."""
    dims: list[PositiveInt] = []
    """Widths to report besides the full one, for models that were trained at them."""
    max_length: int | None = Field(default=None, ge=4)
    """Cut texts to this many tokens, a server's to this many words; None: each model's own limit."""
    chunk: JudgedChunks = JudgedChunks()
    precision: Precision = "fp32"
    """Precision of the dense models: `fp32`, `bf16`, or `auto` (bf16 if the processor has it)."""
    exclude_self: bool = False
    """Drop the hit whose id is the query's own, as BEIR does for ArguAna and Quora."""
    fusion: FusionSettings = FusionSettings()
    smoothing: SmoothedSettings = SmoothedSettings()

    def needs(self) -> Needs:
        """The models that are loaded, and the collections.

        Raises:
            DramaError: no models, no collections, a duplicate name, or a fusion or smoothing of a model that
                is not listed.
        """
        if not self.models or not self.collections:
            raise DramaError("evaluate: name at least one model and one collection")
        for field, named in (("models", self.models), ("collections", self.collections)):
            duplicates = [name for i, name in enumerate(named) if name in named[:i]]
            if duplicates:
                raise DramaError(f"evaluate.{field}: '{duplicates[0]}' is listed twice")
        for field, named in (("fusion", self.fusion.models), ("smoothing", self.smoothing.models)):
            unlisted = [m for m in named if m not in self.models or m == BM25_NAME]
            if unlisted:
                raise DramaError(
                    f"evaluate.{field}.models: '{unlisted[0]}' is not a dense model of evaluate.models"
                )
        counting = [self.chunk.tokenizer] if self.chunk.tokenizer else []
        return Needs(
            models=[*dict.fromkeys([*(model for model in self.models if model not in FITTED), *counting])],
            collections=[(place, self.split) for place in self.collections],
        )
