"""Sampling from streams."""

import random
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")


def reservoir(items: Iterable[T], count: int, rng: random.Random) -> list[T]:
    """A uniform sample of a stream, of which at most `count` items are kept in memory.

    Vitter's Algorithm R (1985).

    >>> len(reservoir(range(100), 3, random.Random(0)))
    3
    >>> reservoir("ab", 3, random.Random(0))
    ['a', 'b']
    """
    chosen: list[T] = []
    for number, item in enumerate(items):
        if number < count:
            chosen.append(item)
        elif (place := rng.randrange(number + 1)) < count:
            chosen[place] = item
    return chosen
