"""The section `train.static`."""

from pydantic import Field

from drama.settings import Section


class StaticSettings(Section):
    """The table of a student without layers, fitted to the teacher's vectors before the first step."""

    ridge: float = Field(default=0.3, gt=0.0)
    """Strength of the ridge: a document of unit weights counts 1."""
    documents: int = Field(default=100_000, ge=1)
    """How many are fitted at most, spread over the corpus."""
    iterations: int = Field(default=25, ge=1)
    """Of conjugate gradients, at most."""
