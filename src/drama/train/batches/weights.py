"""Sources, kinds or languages in given shares, whatever their numbers of examples.

Legend: S steps, G groups.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from drama.errors import DramaError
from drama.settings import Section
from drama.train.batches.order import consecutive, stretch

_GOLDEN = (5**0.5 - 1) / 2


class WeightSettings(Section):
    """The share of the training that each source, kind or language gets."""

    by: Literal["kind", "source", "lang"]
    shares: dict[str, Annotated[float, Field(gt=0.0)]] = {}
    """Name → share, in any unit; every name among the examples needs one."""
    temperature: float | None = Field(default=None, gt=0.0)
    """Instead of shares: each gets (number of its examples)^(1 / temperature); 1 is proportional, above 1 is
    more even."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.shares) == (self.temperature is not None):
            raise ValueError("give either shares or a temperature")
        return self

    def of(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """The share of each name.

        Args:
            sizes: its number of examples.

        Raises:
            DramaError: a share for a name without examples, or a name without a share.

        >>> WeightSettings(by="lang", temperature=2.0).of({"en": 900, "fi": 100})
        {'en': 30.0, 'fi': 10.0}
        """
        if self.temperature is not None:
            return {name: size ** (1.0 / self.temperature) for name, size in sizes.items()}
        if odd := sorted(self.shares.keys() ^ sizes.keys()):
            problem = "has no share" if odd[0] in sizes else "is not among the examples"
            raise DramaError(
                f"train.batch.weights.shares: {self.by} '{odd[0]}' {problem}",
                hint=f"name each of {', '.join(sorted(sizes))}",
            )
        return self.shares


def deal(shares: Sequence[float], places: int, steps: int) -> npt.NDArray[np.int64]:
    """The places of each step that each group gets, its share rounded up or down: [S, G].

    Systematic sampling: over the steps the rounding evens out, and no group waits longer than it must.

    >>> deal([2.0, 1.0, 1.0], 2, 4).tolist()
    [[1, 0, 1], [1, 1, 0], [1, 0, 1], [1, 1, 0]]
    """
    bounds_G = np.round(np.cumsum(shares) / np.sum(shares) * places, 9)
    bounds_G[-1] = places
    start_S1 = (np.arange(steps) * _GOLDEN % 1.0)[:, None]
    upto_SG = np.floor(bounds_G + start_S1).astype(np.int64)
    own_SG: npt.NDArray[np.int64] = np.diff(upto_SG, axis=1, prepend=0)
    return own_SG


class WeightedStream:
    """Like `sampler.Stream`, with groups in given shares; within a group every example comes equally often.

    Args:
        groups: rows of the examples.
        shares: share of each group, in any unit.
        batch_size: examples per batch.
        seed: for the permutations.
        steps: number of batches.
        mixed: each batch has rows of all groups in these shares; else it is from one group.
    """

    def __init__(
        self,
        groups: Sequence[Sequence[int]],
        shares: Sequence[float],
        batch_size: int,
        seed: Sequence[int],
        steps: int,
        mixed: bool,
    ) -> None:
        self._groups, self._size, self._seed, self._mixed = groups, batch_size, list(seed), mixed
        self._own_SG = deal(shares, batch_size if mixed else 1, steps)
        self._before_SG = self._own_SG.cumsum(axis=0) - self._own_SG
        self.most_G: list[int] = self._own_SG.max(axis=0).tolist()
        """The most places of a batch that each group gets; a group must have that many rows."""

    def rows(self, index: int) -> list[int]:
        """The rows of one batch."""
        found: list[int] = []
        for group, rows in enumerate(self._groups):
            seed = [*self._seed, group]
            own, before = int(self._own_SG[index, group]), int(self._before_SG[index, group])
            if own and self._mixed:
                found += [rows[i] for i in stretch(len(rows), before, own, self.most_G[group], seed)]
            elif own:
                found += [rows[i] for i in consecutive(len(rows), self._size, seed, before)]
        return found
