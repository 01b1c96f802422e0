"""The section `train.batch`."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from drama.settings import Section
from drama.train.batches.weights import WeightSettings


class LongSettings(Section):
    """A share of the batches with longer documents, and fewer of them."""

    moved: ClassVar[Mapping[str, str]] = {"batch_size": "train.batch.long.size"}

    share: float = Field(gt=0.0, le=1.0)
    """Share of the steps, evenly spread."""
    document_length: int = Field(ge=4)
    """Longest document of these batches, in tokens."""
    size: int = Field(ge=2)
    """Queries of these batches, drawn from those with a positive longer than `batch.document_length`."""


class BatchSettings(Section):
    """The queries of a step, and the documents drawn for each."""

    size: int = Field(default=64, ge=2)
    """Queries a step, over all processes; the documents of all of them are each one's negatives."""
    negatives: int = Field(default=1, ge=0)
    """Hard negatives a query, redrawn at each visit."""
    query_length: int = Field(default=32, ge=4)
    """Longest query in training, in tokens with BOS and EOS."""
    document_length: int = Field(default=64, ge=4)
    """Longest document in training; the finished model reads `retriever.max_length` tokens."""
    by: list[Literal["kind", "source", "lang"]] = []
    """Traits that all examples of a batch share."""
    weights: WeightSettings | None = None
    """Shares of sources, kinds or languages: of each batch, or of all batches where `by` separates them."""
    long: LongSettings | None = None
    """Batches with longer documents among the others."""

    @model_validator(mode="after")
    def _long_is_longer(self) -> Self:
        if self.long is not None and self.long.document_length <= self.document_length:
            raise ValueError("long.document_length is not above document_length")
        return self

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weights is not None and self.by and self.weights.by not in self.by:
            raise ValueError(
                f"weights: batches that are alike in {self.by} can't be weighted by {self.weights.by}"
            )
        return self

    @property
    def longest_document(self) -> int:
        """Tokens of the longest document of any batch."""
        return self.document_length if self.long is None else self.long.document_length
