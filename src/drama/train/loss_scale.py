"""A factor on the loss, so that small gradients do not vanish in float16 (Micikevicius et al. 2018)."""

from collections.abc import Mapping

import torch

from drama.errors import DramaError

START = 2.0**16
GROWS_AFTER = 2000
"""Updates without an overflow."""
SMALLEST = 2.0**-16
_NAME = "loss_scale"


class LossScale:
    """Halved at an overflow, whose step is left out; doubled after 2000 updates without one.

    >>> scale = LossScale()
    >>> scale.after(overflow=True), scale.factor
    (None, 32768.0)
    """

    def __init__(self) -> None:
        self.factor, self._good = START, 0

    def after(self, overflow: bool) -> None:
        """A step has ended.

        Raises:
            DramaError: gradients overflow at any factor.
        """
        self._good = 0 if overflow else self._good + 1
        if overflow:
            self.factor /= 2
            if self.factor < SMALLEST:
                raise DramaError(
                    "train: gradients overflow in fp16 however small the loss is made",
                    hint="set train.precision to bf16 or fp32, or lower train.learning_rate",
                )
        elif self._good == GROWS_AFTER:
            self.factor, self._good = self.factor * 2, 0

    def state(self) -> dict[str, torch.Tensor]:
        """For a checkpoint."""
        return {_NAME: torch.tensor([self.factor, self._good], dtype=torch.float64)}

    def load(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Take back what `state` gave."""
        self.factor, good = tensors[_NAME].tolist()
        self._good = int(good)
