"""The mixture: how many rows of each source, kind and language are trained on (paper, section 4)."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from drama.augment.kinds import KINDS
from drama.errors import DramaError
from drama.records import Example, read_examples
from drama.settings import Section

Group = tuple[str, str, str]
"""Source, kind, language."""


class MixtureSettings(Section):
    """Which rows the finished file holds, and how many; with nothing set, every row once."""

    sources: dict[str, float] = {}
    """Shares of the corpora, by name: {web: 2, wiki: 1}. Empty: as many rows as there are."""
    kinds: dict[str, float] = {}
    """Shares of the kinds, inside each source where those have shares: {sent: 1, qgen: 2}."""
    language_temperature: float = Field(default=1.0, ge=1.0)
    """A language of n rows gets a share of n ** (1 / temperature), inside each kind and, where sources have
    shares, each source."""
    repeats: int = Field(default=1, ge=1)
    """How often a row may be in the file, so that a rare group need not make the file small."""
    examples: int | None = Field(default=None, ge=2)
    """Most rows to write; None: as many as the shares and `repeats` allow."""

    @property
    def on(self) -> bool:
        """Whether anything is drawn at all."""
        return self != MixtureSettings()

    @model_validator(mode="after")
    def _known_kinds_and_shares(self) -> Self:
        unknown = [kind for kind in self.kinds if kind not in KINDS]
        if unknown:
            raise ValueError(f"kinds: no kind '{unknown[0]}', known are {', '.join(KINDS)}")
        for name, shares in (("sources", self.sources), ("kinds", self.kinds)):
            if shares and (min(shares.values()) < 0 or max(shares.values()) == 0):
                raise ValueError(f"{name}: shares must not be negative, and one must be above 0")
        return self


def mix(
    path: Path, settings: MixtureSettings, seed: int, count: Callable[[str, int], None]
) -> Iterator[Example]:
    """Draw the rows of the finished file from the labelled ones: a function of those and the seed.

    Rows keep their order; further copies of repeated rows follow at the end. `count` gets the rows left out
    and the copies added, by source, kind and language.

    Raises:
        DramaError: the settings name a source or kind that is not there, leave one out, or leave no row.
    """
    rows: dict[Group, list[int]] = {}
    for number, example in enumerate(read_examples(path)):
        rows.setdefault((example.source, example.kind, example.lang), []).append(number)
    copies: Counter[int] = Counter()
    for group, wanted in allot({group: len(of) for group, of in rows.items()}, settings).items():
        of = rows[group]
        whole, rest = divmod(wanted, len(of))
        rng = random.Random("\0".join((str(seed), "mixture", *group)))
        copies.update({number: whole for number in of if whole})
        copies.update(rng.sample(of, rest))
        name = " ".join(part for part in group if part)
        if wanted < len(of):
            count(f"mixture: {name}, left out", len(of) - wanted)
        elif wanted > len(of):
            count(f"mixture: {name}, repeated", wanted - len(of))
    if not copies:
        raise DramaError(
            "augment.mixture: nothing is left", hint="raise mixture.examples, or change the shares"
        )
    for copy in range(max(copies.values())):
        for number, example in enumerate(read_examples(path)):
            if copies[number] > copy:
                yield example


def allot(sizes: Mapping[Group, int], settings: MixtureSettings) -> dict[Group, int]:
    """How many rows each group gets: as many as its share allows while every group holds enough.

    Rows are not repeated where every row can be in once.

    >>> sizes = {("web", "sent", "en"): 90, ("wiki", "sent", "en"): 60, ("wiki", "sent", "fi"): 30}
    >>> list(allot(sizes, MixtureSettings(sources={"web": 2, "wiki": 1})).values())
    [90, 30, 15]
    >>> list(allot(sizes, MixtureSettings(sources={"web": 1, "wiki": 0})).values())
    [90, 0, 0]
    >>> list(allot(sizes, MixtureSettings(language_temperature=1e9, repeats=2)).values())
    [36, 24, 60]

    Raises:
        DramaError: the settings name a source or kind that is not there, or leave one out.
    """
    _check_names("sources", settings.sources, {source for source, _, _ in sizes})
    _check_names("kinds", settings.kinds, {kind for _, kind, _ in sizes})

    def by_kind(name: str, size: int) -> float:
        return settings.kinds[name] if settings.kinds else size

    def by_language(name: str, size: int) -> float:
        return float(size ** (1 / settings.language_temperature))

    if settings.sources:
        order = (0, 1, 2)  # source, kind, language
        weights = [lambda name, size: settings.sources[name], by_kind, by_language]
    else:
        order = (1, 2, 0)
        weights = [by_kind, by_language, lambda name, size: size]
    paths = {group: tuple(group[i] for i in order) for group in sizes}
    found = _shares({paths[group]: size for group, size in sizes.items()}, weights)
    shares = {group: found[path] for group, path in paths.items()}
    enough = [sizes[g] / share for g, share in shares.items() if share > 0]
    total = min(settings.repeats * min(enough), max(enough)) if enough else 0.0
    total = min(total, settings.examples or total)
    return _whole({g: total * shares[g] for g in sizes})


def _whole(wanted: Mapping[Group, float]) -> dict[Group, int]:
    """Whole rows, in all no more than wanted: what rounding down leaves goes to the largest remainders; equal
    remainders get a row each, or none does."""
    almost = 1e-9
    rows = {group: int(number + almost) for group, number in wanted.items()}
    left = int(sum(wanted.values()) + almost) - sum(rows.values())
    remainders: dict[float, list[Group]] = {}
    for group, number in wanted.items():
        remainders.setdefault(round(number - rows[group], 9), []).append(group)
    for remainder in sorted(remainders, reverse=True):
        left -= len(remainders[remainder])
        if left < 0:
            break
        for group in remainders[remainder]:
            rows[group] += 1
    return rows


def _shares(
    sizes: Mapping[tuple[str, ...], int], weights: Sequence[Callable[[str, int], float]]
) -> dict[tuple[str, ...], float]:
    """Share of each path in the whole: at each step parts are weighed against their siblings.
    `sizes` gives the rows of each path; `weights`, for each step, a part's weight by its name and rows."""
    if not weights:
        return {(): 1.0}
    parts: dict[str, dict[tuple[str, ...], int]] = {}
    for path, size in sizes.items():
        parts.setdefault(path[0], {})[path[1:]] = size
    weight = {name: weights[0](name, sum(inside.values())) for name, inside in parts.items()}
    total = sum(weight.values()) or 1.0
    return {
        (name, *path): weight[name] / total * share
        for name, inside in parts.items()
        for path, share in _shares(inside, weights[1:]).items()
    }


def _check_names(what: str, weights: Mapping[str, float], there: set[str]) -> None:
    if weights and weights.keys() != there:
        differing = sorted(weights.keys() ^ there)[0]
        problem = "is not among the rows" if differing in weights else "has no share"
        raise DramaError(
            f"augment.mixture.{what}: '{differing}' {problem}",
            hint=f"name each of {', '.join(sorted(there))}; a share of 0 leaves one out",
        )
