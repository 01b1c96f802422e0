"""Which examples make up a step's batch, and how long its documents may be: a function of (seed, step)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from drama.errors import DramaError
from drama.records import Example
from drama.train.batches.order import consecutive
from drama.train.batches.settings import BatchSettings
from drama.train.batches.weights import WeightedStream

_LONG = 5
_ORDER = 6


class BatchPlan(NamedTuple):
    """One step's batch before positives and negatives are drawn: rows of the examples, longest document."""

    rows: list[int]
    document_length: int


class Stream:
    """Batches in shuffled order, each from one group; a group's examples come one permutation after another.

    A pass has one batch, or several, of each group, by its size.

    Args:
        groups: rows of the examples; a batch is from one group.
        batch_size: examples per batch; fewer where a group has fewer.
        seed: for the permutations.

    >>> stream = Stream([[0, 1, 2], [7, 8]], 3, [0])
    >>> sorted(sorted(stream.rows(index)) for index in (4, 5))
    [[0, 1, 2], [7, 8]]
    """

    def __init__(self, groups: Sequence[Sequence[int]], batch_size: int, seed: Sequence[int]) -> None:
        self._groups = groups
        self._size = batch_size
        self._seed = list(seed)
        self._chunks = [(g, c) for g, rows in enumerate(groups) for c in range(-(-len(rows) // batch_size))]

    def rows(self, index: int) -> list[int]:
        """The rows of one batch."""
        if len(self._groups) == 1:
            (rows,) = self._groups
            return [rows[i] for i in consecutive(len(rows), self._size, self._seed, index)]
        epoch, place = divmod(index, len(self._chunks))
        order = np.random.default_rng([*self._seed, _ORDER, epoch]).permutation(len(self._chunks))
        group, chunk = self._chunks[order[place]]
        rows = self._groups[group]
        passed = epoch * -(-len(rows) // self._size)
        return [rows[i] for i in consecutive(len(rows), self._size, [*self._seed, group], passed + chunk)]


class Sampler:
    """The plan of every step; a batch has at least one query for each of the processes.

    Raises:
        DramaError: a batch smaller than the number of processes, a group of `by` too small for a batch,
            weights that do not fit the examples, or too few examples with a long positive.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        documents: Mapping[str, Sequence[int]],
        settings: BatchSettings,
        steps: int,
        seed: int,
        processes: int = 1,
    ) -> None:
        self._settings = settings
        sizes = [settings.size, *([settings.long.size] if settings.long else [])]
        if min(sizes) < processes:
            raise DramaError(
                f"train.batch.size: {min(sizes)} is below the {processes} processes",
                hint="it counts the queries of all processes together",
            )
        least = max(2, processes)
        everything = range(len(examples))
        self._usual: Stream | WeightedStream
        if settings.weights is None:
            groups = list(_groups(examples, everything, settings.by, least).values())
            self._usual = Stream(groups, settings.size, [seed, 0])
        else:
            self._usual = _weighted(examples, settings, steps, least, [seed, 0])
        self._long: Stream | None = None
        if settings.long is None:
            return
        reach = settings.document_length
        long = [r for r in everything if any(len(documents[i]) > reach for i in examples[r].positive_ids)]
        if len(long) < least:
            raise DramaError(
                f"train.batch.long: {len(long)} examples have a positive of more than {reach} tokens",
                hint="leave train.batch.long out, or lower train.batch.document_length",
            )
        groups = list(_groups(examples, long, settings.by, least).values())
        self._long = Stream(groups, settings.long.size, [seed, _LONG])

    def plan(self, step: int) -> BatchPlan:
        """The plan of a step, counted from 0."""
        s = self._settings
        before = 0
        if s.long is not None and self._long is not None:
            before, after = int(step * s.long.share), int((step + 1) * s.long.share)
            if after > before:
                return BatchPlan(self._long.rows(before), s.long.document_length)
        return BatchPlan(self._usual.rows(step - before), s.document_length)


def cut(ids: list[int], length: int) -> list[int]:
    """Token ids cut as the tokenizer cuts them: the last one, EOS, stays.

    >>> cut([1, 5, 6, 7, 2], 4), cut([1, 5, 2], 4)
    ([1, 5, 6, 2], [1, 5, 2])
    """
    return ids if len(ids) <= length else [*ids[: length - 1], ids[-1]]


def _groups(
    examples: Sequence[Example], rows: Sequence[int], traits: Sequence[str], least: int
) -> dict[tuple[str, ...], list[int]]:
    """Values of the traits → rows of the examples that have them."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in rows:
        groups.setdefault(tuple(getattr(examples[row], trait) for trait in traits), []).append(row)
    for key, members in groups.items():
        if len(members) < least:
            named = (f"{trait} '{value}'" for trait, value in zip(traits, key, strict=True))
            name = ", ".join(named) or "any kind"
            raise DramaError(
                f"train.batch.by: {len(members)} usable examples of {name}, a batch needs {least}",
                hint="leave train.batch.by out, or add examples of it",
            )
    return groups


def _weighted(
    examples: Sequence[Example], settings: BatchSettings, steps: int, least: int, seed: list[int]
) -> WeightedStream:
    """The stream of the usual batches where the settings have weights."""
    weights, mixed = settings.weights, not settings.by
    assert weights is not None
    traits = [weights.by] if mixed else settings.by
    groups = _groups(examples, range(len(examples)), traits, 1 if mixed else least)
    place = traits.index(weights.by)
    sizes: Counter[str] = Counter()
    for values, rows in groups.items():
        sizes[values[place]] += len(rows)
    share = weights.of(sizes)
    shares = [share[values[place]] * len(rows) / sizes[values[place]] for values, rows in groups.items()]
    stream = WeightedStream(list(groups.values()), shares, settings.size, seed, steps, mixed)
    for (name, *_), rows, most in zip(groups, groups.values(), stream.most_G, strict=True):
        if most > len(rows):
            raise DramaError(
                f"train.batch.weights: {most} of a batch's {settings.size} examples would be of {weights.by} "
                f"'{name}', which has {len(rows)}",
                hint="lower its share or train.batch.size: no example is in a batch twice",
            )
    return stream
