"""The section `prune.calibration`."""

from pydantic import Field

from drama.settings import Section


class CalibrationSettings(Section):
    """Texts on which activations are measured."""

    documents: int = Field(default=64, ge=1)
    """Number of texts drawn from the corpus."""
    max_length: int = Field(default=128, ge=8)
    """Tokens of a text, at most."""
    batch_size: int = Field(default=8, ge=1)
    """Texts in a forward pass."""
