"""The examples to train on: read, cleared of judged queries, and split from those held out.

Two queries count as the same when their normalised texts are equal.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import Field

from drama.console import warn
from drama.errors import DramaError, FileError
from drama.files import read_json
from drama.records import Example, read_examples, read_judged
from drama.settings import Section
from drama.workspace import StageRun

_WORDS = re.compile(r"\w+")


class LeakSettings(Section):
    """Judged collections whose queries must not be trained on."""

    collections: list[str] = Field(min_length=1)
    """BEIR folders."""
    split: str = "test"
    """Split of their judgments."""
    action: Literal["refuse", "leave_out", "warn"] = "refuse"
    """What happens when a training query is one of theirs: the run is refused, its examples are left out, or
    they are trained on with a warning."""


def training_examples(
    path: Path,
    leaks: LeakSettings | None,
    share: float,
    seed: int,
    run: StageRun,
    held_out: Path | None = None,
) -> tuple[list[Example], list[Example]]:
    """The examples to train on and those of a share of the queries; the run counts both.

    Args:
        path: the examples, Parquet.
        leaks: judged collections whose queries are not trained on.
        share: of the queries, for validation.
        seed: of the split.
        run: counts.
        held_out: see `without_held_out`.

    Raises:
        FileError: fewer than 2 examples are left to train on, or the file or a judged collection is broken.
        DramaError: there are leaks, and `action` is `refuse`.
    """
    rows: list[Example] = []
    held: list[Example] = []
    for example in read_examples(path):
        usable = bool(example.positive_ids)
        run.count(f"examples: {example.kind}" if usable else "examples: no positive, left out")
        if usable:
            rows.append(example)
    if held_out is not None:
        left = without_held_out(rows, held_out)
        run.count("examples: of a document that is asked for later, left out", len(rows) - len(left))
        rows = left
    if leaks is not None:
        rows = without_leaks(rows, leaks, run)
    if share > 0:
        rows, held = hold_out(rows, share, seed)
        run.count("examples: held out", len(held))
    if len(rows) < 2:
        raise FileError(path, f"{len(rows)} usable examples; at least 2 are needed")
    return rows, held


def query_key(text: str) -> bytes:
    """A 16-byte hash of the text's words: Unicode-normalised (NFKC), without case, spaces and punctuation.

    A text without words is hashed as it is.

    >>> query_key("What is  LIFT?") == query_key("what is lift")
    True
    >>> query_key("?") == query_key("!")
    False
    """
    words = _WORDS.findall(unicodedata.normalize("NFKC", text).casefold())
    return hashlib.blake2b(" ".join(words or [text]).encode(), digest_size=16).digest()


def hold_out(examples: Sequence[Example], share: float, seed: int) -> tuple[list[Example], list[Example]]:
    """Split the examples into those to train on and those held out.

    All examples of one query go the same way. Documents are not split: those of the held-out queries may be
    in the batches, as they would be in the corpus.

    >>> examples = [Example(str(i), f"Is it {i // 2}?", ["d"], [], [], [], "qgen") for i in range(8)]
    >>> trained, held = hold_out(examples, 0.25, seed=0)
    >>> len(trained), len(held), len({e.query for e in held})
    (6, 2, 1)
    """
    keys = [query_key(example.query) for example in examples]
    distinct = list(dict.fromkeys(keys))
    order = np.random.default_rng([seed, 4]).permutation(len(distinct))
    held = {distinct[i] for i in order[: round(share * len(distinct))]}
    parts: tuple[list[Example], list[Example]] = ([], [])
    for example, key in zip(examples, keys, strict=True):
        parts[key in held].append(example)
    return parts


def without_held_out(examples: Sequence[Example], held_out: Path) -> list[Example]:
    """The examples without those that ask a held-out query, or were made of a held-out passage.

    Args:
        examples: rows.
        held_out: JSON with `queries` (texts) and `passages` (ids), as `drama.evaluate.pseudo` writes it.
    """
    found = read_json(held_out)
    passages = {*found["passages"]}
    asked = {id(example) for example in leaked(examples, found["queries"])}
    return [e for e in examples if e.origin not in passages and id(e) not in asked]


def without_leaks(examples: list[Example], settings: LeakSettings, run: StageRun) -> list[Example]:
    """The examples to train on; the run counts the leaks, or is refused."""
    found = leaked(examples, judged_texts(settings.collections, settings.split))
    leave_out = settings.action == "leave_out"
    run.count(f"examples: judged query, {'left out' if leave_out else 'trained on'}", len(found))
    if found:
        message = f"train.leaks: {describe_leaks(found)}"
        if settings.action == "refuse":
            raise DramaError(message, hint="train.leaks.action: leave_out leaves them out, warn allows them")
        warn(message)
    out = {id(example) for example in found if leave_out}
    return [example for example in examples if id(example) not in out]


def leaked(examples: Iterable[Example], queries: Iterable[str]) -> list[Example]:
    """The examples whose query is one of `queries`.

    >>> made = [Example(q, q, ["d"], [], [], [], "sent") for q in ("What is lift?", "Why?")]
    >>> [e.query for e in leaked(made, ["what is LIFT"])]
    ['What is lift?']
    """
    keys = {query_key(text) for text in queries}
    return [example for example in examples if query_key(example.query) in keys]


def judged_texts(collections: Iterable[str], split: str) -> list[str]:
    """The judged queries of several BEIR folders."""
    return [query.text for place in collections for query in read_judged(Path(place), split).queries]


def describe_leaks(found: Sequence[Example]) -> str:
    """The number of leaks and one of them, for a message."""
    return f"{len(found)} training examples ask a judged query, e.g. '{found[0].query[:80]}'"
