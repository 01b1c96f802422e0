"""The section `train.validation`, and what follows from the measurements so far."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from drama.records.measures import MEASURES
from drama.settings import Section

LOSS = "loss"


class ValidationSettings(Section):
    """Measurements during training, and their use."""

    every: int = Field(default=100, ge=1)
    """Steps between two measurements; the last step is measured too."""
    share: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the queries, a seeded sample, that is not trained on but ranks the documents that its examples
    name."""
    collection: str | None = None
    """A BEIR folder whose judged queries rank its whole corpus."""
    split: str = "dev"
    """Split of the collection's judgments."""
    measure: str = "nDCG@10"
    """The measure that `keep` and `patience` use: `loss`, that of the held-out share, or one of the ranking
    (`nDCG@10`, …), of the collection where there is one, else of the share."""
    keep: Literal["last", "best"] = "last"
    """Which weights become the model."""
    patience: int | None = Field(default=None, ge=1)
    """Stop after this many measurements without a better one."""

    @field_validator("measure")
    @classmethod
    def _measure_exists(cls, measure: str) -> str:
        if measure not in (LOSS, *MEASURES):
            raise ValueError(f"no measure '{measure}'; available: {', '.join((LOSS, *MEASURES))}")
        return measure

    @model_validator(mode="after")
    def _something_to_measure(self) -> Self:
        if self.share == 0.0 and self.collection is None:
            raise ValueError("nothing to measure: give a share of the queries, or a collection")
        if self.measure == LOSS and self.share == 0.0:
            raise ValueError("measure: the loss is that of the held-out share, which is 0")
        return self

    def value(self, event: Mapping[str, Any]) -> float | None:
        """The value of `measure` in an event, higher is better; None where nothing was measured."""
        part = "held_out" if self.measure == LOSS or self.collection is None else "judged"
        if part not in event:
            return None
        value = float(event[part][self.measure])
        return -value if self.measure == LOSS else value


def best_of(history: Sequence[tuple[int, float]]) -> tuple[int, float]:
    """The first of the highest values, with its step.

    >>> best_of([(10, 0.2), (20, 0.5), (30, 0.5)])
    (20, 0.5)
    """
    return max(history, key=lambda measured: (measured[1], -measured[0]))


def exhausted(history: Sequence[tuple[int, float]], patience: int) -> bool:
    """Whether `patience` measurements have passed since the best one.

    >>> exhausted([(10, 0.2), (20, 0.1), (30, 0.2)], 2), exhausted([(10, 0.2), (20, 0.3)], 2)
    (True, False)
    """
    return bool(history) and sum(step > best_of(history)[0] for step, _ in history) >= patience
