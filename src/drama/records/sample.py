"""Reservoir sampling: a uniform sample of a stream, of which no more is kept in memory than is sampled."""

import random
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")


class Reservoir(Generic[T]):
    """Up to `count` items of a stream, each with the same chance."""

    def __init__(self, count: int, rng: random.Random) -> None:
        self.chosen: list[T] = []
        self._count, self._rng, self._seen = count, rng, 0

    def add(self, item: T) -> None:
        """Offer the stream's next item."""
        self._seen += 1
        if len(self.chosen) < self._count:
            self.chosen.append(item)
        elif (place := self._rng.randrange(self._seen)) < self._count:
            self.chosen[place] = item


def reservoir(items: Iterable[T], count: int, rng: random.Random) -> list[T]:
    """A uniform sample of at most `count` items (Vitter 1985, algorithm R).

    >>> reservoir("abc", 5, random.Random(0)), len(reservoir(range(100), 5, random.Random(0)))
    (['a', 'b', 'c'], 5)
    """
    kept: Reservoir[T] = Reservoir(count, rng)
    for item in items:
        kept.add(item)
    return kept.chosen
