"""The `augment` section of a recipe."""

from typing import Self

from pydantic import Field, model_validator

from drama.llm import Sampling
from drama.retriever import Precision
from drama.search import BM25_NAME
from drama.settings import Section


class CropSettings(Section):
    """Sentences of a document as queries (paper, section 3: Sent)."""

    per_document: int = Field(default=1, ge=0)
    """Random sentences a document; 0 = none."""
    min_words: int = Field(default=5, ge=1)
    max_words: int = Field(default=40, ge=1)
    """Longer sentences are split into pieces of so many words."""
    titles: bool = False
    """A document's title is a query too, if it has `min_words`."""

    @model_validator(mode="after")
    def _words_in_order(self) -> Self:
        if self.min_words > self.max_words:
            raise ValueError(f"min_words {self.min_words} is above max_words {self.max_words}")
        return self


class SynthesizeSettings(Section):
    """Queries that an instruction-following LLM writes (paper, section 3: QGen)."""

    documents: int = Field(default=0, ge=0)
    """How many documents get a query, by a seeded choice; 0 = none."""
    llm: str = "smollm2-135m"
    prompt: str = "question"
    batch_size: int = Field(default=16, ge=1)
    text_words: int = Field(default=100, ge=8)
    """Words of a document that the LLM reads."""
    sampling: Sampling = Sampling()


class LabelSettings(Section):
    """Which documents are positives and hard negatives of a query: windows of a retriever's ranking."""

    retrievers: list[str] = ["bm25"]
    """`bm25`, `lsa` and models; several are fused with equal weights."""
    depth: int = Field(default=50, ge=2)
    positive_ranks: tuple[int, int] = (1, 10)
    negative_ranks: tuple[int, int] = (30, 50)
    scale_to_corpus: bool = True
    """Shrink the windows for a corpus far below the paper's millions (see docs/augment.md)."""
    origin_is_positive: bool = True
    """The document a query came from is always a positive, and the only one besides the window's."""
    max_length: int | None = Field(default=None, ge=4)
    """Cut texts to this many tokens for the dense models."""
    precision: Precision = "auto"
    """Of the dense models' matrix products: `fp32`, `bf16`, or `auto`: bf16 where the processor has it."""
    keep_vectors: bool = False
    """Leave the dense models' vectors in `teacher/`, for distillation; several are put side by side, so
    that the cosine of two texts is the mean of the models' cosines."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.retrievers:
            raise ValueError("retrievers is empty: name 'bm25', 'lsa' or a model")
        if len({*self.retrievers}) < len(self.retrievers):
            raise ValueError(f"retrievers names one twice: {self.retrievers}")
        for name, (first, last) in (
            ("positive_ranks", self.positive_ranks),
            ("negative_ranks", self.negative_ranks),
        ):
            if not 1 <= first <= last:
                raise ValueError(f"{name} {[first, last]} is no range of ranks from 1")
        if self.negative_ranks[0] <= self.positive_ranks[1]:
            raise ValueError("negative_ranks must begin behind the last of positive_ranks")
        if self.keep_vectors and {*self.retrievers} == {BM25_NAME}:
            raise ValueError("keep_vectors needs a dense model among the retrievers: 'lsa', or a model")
        return self


class AugmentSettings(Section):
    """From passages to examples."""

    crop: CropSettings = CropSettings()
    synthesize: SynthesizeSettings = SynthesizeSettings()
    label: LabelSettings = LabelSettings()
