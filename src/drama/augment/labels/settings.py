"""The section `augment.label`."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from drama.compute import Precision
from drama.search import BM25_NAME
from drama.servers import check_embeddings, embeddings_address, is_server
from drama.settings import Names, Section


class LabelSettings(Section):
    """Which documents are positives and hard negatives of a query: windows of a retriever's ranking."""

    retrievers: Names = ["bm25"]
    """`bm25`, `lsa` and models, also a server's (see docs/retriever.md); several are fused."""
    weights: Literal["equal", "auto"] = "equal"
    """Of several dense models: equal, or found from the corpus itself, 0 for one that is of no use (see
    docs/augment.md)."""
    depth: int = Field(default=50, ge=2)
    """Length of the rankings."""
    positive_ranks: tuple[int, int] | None = (1, 10)
    """First and last rank. None: no rank makes a positive, only the origin or people's judgments do."""
    negative_ranks: tuple[int, int] = (30, 50)
    """First and last rank of the hard negatives."""
    negatives_below: float | None = Field(default=None, gt=0.0, le=1.0)
    """Hard negatives must score below this share of the best positive's score; None: any score."""
    scale_to_corpus: bool = True
    """Shrink the windows for a corpus far below the paper's millions (see docs/augment.md)."""
    origin_is_positive: bool = True
    """The document a query was made from is always a positive, even outside the ranks."""
    max_length: int | None = Field(default=None, ge=4)
    """Cut texts to this many tokens for the dense models; for a server's, to this many words."""
    precision: Precision = "auto"
    """Precision of the dense models: `fp32`, `bf16`, or `auto` (bf16 where the processor has it)."""
    keep_vectors: bool = False
    """Keep the dense models' vectors in `teacher/`, for distillation; those of several are concatenated, so
    that the cosine of two texts is the weighted mean of the models' cosines."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name, ranks in (("positive_ranks", self.positive_ranks), ("negative_ranks", self.negative_ranks)):
            if ranks is not None and not 1 <= ranks[0] <= ranks[1]:
                raise ValueError(f"{name} {list(ranks)} is not a range of ranks from 1")
        if self.positive_ranks is not None and self.negative_ranks[0] <= self.positive_ranks[1]:
            raise ValueError("negative_ranks must begin after the last of positive_ranks")
        if self.keep_vectors and {*self.retrievers} == {BM25_NAME}:
            raise ValueError("keep_vectors needs a dense model among the retrievers: 'lsa', or a model")
        check_embeddings(self.retrievers)
        return self

    def identity(self) -> dict[str, Any]:
        """Of a server only the model, and what it is sent: the same model elsewhere is the same."""
        names = [embeddings_address(n)[1:] if is_server(n) else n for n in self.retrievers]
        return super().identity() | {"retrievers": names}
