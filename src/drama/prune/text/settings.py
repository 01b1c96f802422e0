"""The section `prune.calibration`."""

from typing import Annotated

from pydantic import Field

from drama.settings import SAME_RESULT, Section


class CalibrationSettings(Section):
    """Texts on which activations are measured."""

    documents: int = Field(default=64, ge=1)
    """Number of texts drawn from the corpus."""
    max_length: int = Field(default=128, ge=8)
    """Tokens of a text, at most."""
    batch_size: Annotated[int, SAME_RESULT] = Field(default=8, ge=1)
    """Texts in a forward pass."""
