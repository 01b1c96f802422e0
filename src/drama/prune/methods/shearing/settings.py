"""The section `prune.shearing`."""

from pydantic import Field

from drama.prune.learn.settings import UpdateSettings


class ShearingSettings(UpdateSettings):
    """Learning the masks, together with the weights (Sheared LLaMA)."""

    moved = {"multiplier_learning_rate": ""}

    steps: int = Field(default=200, ge=1)
    """Updates of masks and weights."""
    learning_rate: float = Field(default=1e-4, gt=0.0)
    """Peak learning rate of the weights; all rates rise and fall together."""
    mask_learning_rate: float = Field(default=1.0, gt=0.0)
    """Learning rate of log α."""
    ramp: float = Field(default=0.2, ge=0.0, le=1.0)
    """Share of the steps in which the target sparsity rises from 0 to the shape's."""
    share_of_tokens: float = Field(default=0.25, gt=0.0, lt=1.0)
    """Share of `prune.tokens` that pays for learning masks."""
