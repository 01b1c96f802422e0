"""Judged queries that stand among the training queries: found by a hash of their normalised text."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from drama.console import warn
from drama.errors import DramaError
from drama.records import Example, read_judged
from drama.settings import Section
from drama.train.query_key import query_key


class LeakSettings(Section):
    """Judged collections whose queries must not be trained on."""

    collections: list[str] = Field(min_length=1)
    """BEIR folders."""
    split: str = "test"
    """Which judgments of these."""
    action: Literal["refuse", "leave_out", "warn"] = "refuse"
    """What happens to a training query that is one of theirs: the run is refused, its examples are left out,
    or they are trained on under a warning."""


def leaked(examples: Iterable[Example], queries: Iterable[str]) -> list[Example]:
    """The examples whose query is one of `queries`.

    >>> made = [Example(q, q, ["d"], [], [], [], "sent") for q in ("What is lift?", "Why?")]
    >>> [e.query for e in leaked(made, ["what is LIFT"])]
    ['What is lift?']
    """
    keys = {query_key(text) for text in queries}
    return [example for example in examples if query_key(example.query) in keys]


def without_leaks(examples: Sequence[Example], settings: LeakSettings) -> tuple[list[Example], int]:
    """The examples to train on, and how many of all are leaks.

    Raises:
        DramaError: there are some, and `action` is `refuse`.
        FileError: a collection is missing or broken.
    """
    found = leaked(examples, judged_texts(settings.collections, settings.split))
    if not found:
        return list(examples), 0
    message = f"train.leaks: {describe(found)}"
    if settings.action == "refuse":
        raise DramaError(message, hint="train.leaks.action: leave_out leaves them out, warn allows them")
    warn(message)
    if settings.action == "warn":
        return list(examples), len(found)
    out = {id(example) for example in found}
    return [example for example in examples if id(example) not in out], len(found)


def judged_texts(collections: Iterable[str], split: str) -> list[str]:
    """The judged queries of several BEIR folders."""
    return [query.text for place in collections for query in read_judged(Path(place), split).queries]


def describe(found: Sequence[Example]) -> str:
    """How many leaks there are, and one of them."""
    return f"{len(found)} training examples ask a judged query, e.g. '{found[0].query[:80]}'"
