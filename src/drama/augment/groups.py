"""What will be trained on: the rows of `examples.parquet` by source, kind and language."""

import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drama.language import count_words, cut_words
from drama.records import WRITTEN, Document, Example, read_examples, read_passages
from drama.records.sample import Reservoir

_HEADER = ("source", "kind", "lang", "rows", "words a query", "a positive", "positives", "negatives")
_SHOWN_WORDS = 25


@dataclass
class Group:
    """The rows of one source, kind and language."""

    source: str
    kind: str
    lang: str
    reservoir: Reservoir[Example]
    rows: int = 0
    query_words: int = 0
    positives: int = 0
    negatives: int = 0
    positive_words: int = 0

    @property
    def samples(self) -> list[Example]:
        """A few of the rows, by a seeded choice."""
        return self.reservoir.chosen

    def add(self, example: Example, words: Mapping[str, int]) -> None:
        """Count a row."""
        self.rows += 1
        self.query_words += count_words(example.query)
        self.positives += len(example.positive_ids)
        self.negatives += len(example.negative_ids)
        self.positive_words += sum(words[i] for i in example.positive_ids)
        self.reservoir.add(example)

    def figures(self) -> dict[str, Any]:
        """Number of rows, and means per row; words of a positive are a mean over all of them."""
        return {
            "source": self.source,
            "kind": self.kind,
            "lang": self.lang,
            "rows": self.rows,
            "query_words": round(self.query_words / self.rows, 1),
            "positive_words": round(self.positive_words / self.positives, 1),
            "positives": round(self.positives / self.rows, 2),
            "negatives": round(self.negatives / self.rows, 2),
        }


def describe(path: Path, words: Mapping[str, int], samples: int = 0, seed: int = 0) -> list[Group]:
    """Count the rows of a file of examples, and keep some of each group.

    Args:
        path: `examples.parquet`.
        words: passage id → its length in words.
        samples: rows to keep of each group.
        seed: of their choice.

    Raises:
        FileError: missing file, or not of examples.
    """
    groups: dict[tuple[str, str, str], Group] = {}
    rng = random.Random(seed)
    for example in read_examples(path):
        key = example.source, example.kind, example.lang
        if key not in groups:
            groups[key] = Group(*key, Reservoir(samples, rng))
        groups[key].add(example, words)
    return [groups[key] for key in sorted(groups)]


def count_groups(path: Path, documents: Iterable[Document]) -> list[dict[str, Any]]:
    """The figures of each group, for the stage's manifest.

    Args:
        path: `examples.parquet`.
        documents: all passages that it names.
    """
    words = {d.id: count_words(d.full_text) for d in documents}
    return [group.figures() for group in describe(path, words)]


def show(examples: Path, passages: Path, seed: int) -> Iterator[str]:
    """Yield the lines of a table of the rows by source, kind and language, and of two rows of each.

    Raises:
        FileError: a file is missing or broken.
    """
    written = examples.with_name(WRITTEN)
    places = [passages, written] if written.is_file() else [passages]
    words = {d.id: count_words(d.full_text) for place in places for d in read_passages(place)}
    groups = describe(examples, words, samples=2, seed=seed)
    cells = [_HEADER, *(tuple(map(str, group.figures().values())) for group in groups)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(padded)
    shown = {i for g in groups for e in g.samples for i in (*e.positive_ids[:1], *e.negative_ids[:1])}
    texts = {d.id: d.full_text for place in places for d in read_passages(place) if d.id in shown}
    for group in groups:
        yield f"\n{group.source} {group.kind} {group.lang}"
        for example in group.samples:
            yield f"  ? {example.query}"
            for sign, ids in (("+", example.positive_ids), ("-", example.negative_ids)):
                if ids:
                    yield f"  {sign} [{ids[0]}] {cut_words(texts[ids[0]], _SHOWN_WORDS)}"
