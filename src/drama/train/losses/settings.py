"""The section `train.loss`."""

from collections.abc import Mapping
from typing import ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from drama.settings import Section

Direction = Literal["query_to_document", "document_to_query", "query_to_query", "document_to_document"]


class DistillSettings(Section):
    """Learning from the labelling model's vectors or scores, not only its ranks. All weights 0: off.

    `<term>_weight` is the weight of a term of `losses.terms`, or of one at the full width only (`corpus`,
    `embedding`).
    """

    moved: ClassVar[Mapping[str, str]] = {"scores_temperature": ""}

    space: Literal["own", "teacher"] = "own"
    """`teacher`: a linear head, part of the finished model, maps its vectors into the teacher's space."""
    kl_weight: float = Field(default=0.0, ge=0.0, le=1.0)
    """Share of the ranking loss that is KL(teacher ‖ student) over the batch's documents; the rest is
    InfoNCE."""
    corpus_weight: float = Field(default=0.0, ge=0.0)
    """Weight of the same KL of each query over the teacher's vectors of the corpus (`space: teacher`)."""
    corpus_documents: int = Field(default=8192, ge=2)
    """Documents in that KL; a seeded sample where the corpus has more."""
    temperature: float = Field(default=0.05, gt=0.0)
    """Temperature of both distributions in these two KLs."""
    embedding_weight: float = Field(default=0.0, ge=0.0)
    """Weight of 1 − cos(student, teacher) over all texts of the batch. In its own space the student is
    projected for it by a matrix that is learnt and then discarded."""
    margin_weight: float = Field(default=0.0, ge=0.0)
    """Weight of the mean squared error of (positive's cosine − negative's cosine) against the teacher's."""
    scores_weight: float = Field(default=0.0, ge=0.0)
    """Weight of KL(labels ‖ student) over each query's drawn documents, by the examples' scores: no vectors
    are needed."""
    false_negative_margin: float | None = None
    """Documents that the teacher scores above the positive minus this margin are no negatives. None: only
    known positives are left out."""

    @property
    def needs_vectors(self) -> bool:
        """Whether anything here needs the teacher's vectors: every weight but `scores_weight` does."""
        weights = [value for name, value in self if name.endswith("_weight") and name != "scores_weight"]
        return self.space == "teacher" or self.false_negative_margin is not None or max(weights) > 0

    @model_validator(mode="after")
    def _corpus_needs_the_space(self) -> Self:
        if self.corpus_weight > 0 and self.space != "teacher":
            raise ValueError("corpus_weight compares with the teacher's vectors: it needs space: teacher")
        return self


class LossSettings(Section):
    """InfoNCE and what is added to it."""

    temperature: float = Field(default=0.02, gt=0.0)
    """InfoNCE divides the cosines by it."""
    temperature_learning_rate: float = Field(default=0.0, ge=0.0)
    """Above 0 the temperature is learnt (its logarithm, at this rate), from the value above."""
    directions: list[Direction] = ["query_to_document"]
    """`query_to_document` and `document_to_query`: InfoNCE in each of these directions, in equal parts.
    `query_to_query`: the batch's other queries are further negatives of a query. `document_to_document`:
    documents near a query's positive count against it as if they were near the query."""
    distill: DistillSettings = DistillSettings()

    @field_validator("directions")
    @classmethod
    def _directions_fit(cls, directions: list[Direction]) -> list[Direction]:
        if len(set(directions)) < len(directions):
            raise ValueError("directions: name each once")
        if not {"query_to_document", "document_to_query"} & {*directions}:
            raise ValueError("directions: query_to_document or document_to_query must be among them")
        further = [name for name in directions if name in ("query_to_query", "document_to_document")]
        if further and "query_to_document" not in directions:
            raise ValueError(f"directions: {further[0]} adds negatives to query_to_document; name that too")
        return directions

    def weights(self) -> dict[str, float]:
        """Term → its weight: `<term>_weight` here or in `distill`; InfoNCE gets what `kl_weight` leaves.

        >>> LossSettings(distill=DistillSettings(kl_weight=0.25)).weights()["contrast"]
        0.75
        """
        found = {"contrast": 1.0 - self.distill.kl_weight}
        for name, value in [*self, *self.distill]:
            if name.endswith("_weight"):
                found[name.removesuffix("_weight")] = value
        return found
