"""What will be trained on: the rows of `examples.parquet` by source, kind and language."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drama.language import count_words
from drama.records import Example, read_examples


@dataclass
class Group:
    """The rows of one source, kind and language."""

    source: str
    kind: str
    lang: str
    rows: int = 0
    query_words: int = 0
    positives: int = 0
    negatives: int = 0
    positive_words: int = 0
    samples: list[Example] = field(default_factory=list)
    """A few of the rows, by a seeded choice."""

    def figures(self) -> dict[str, Any]:
        """Rows, and means a row; words of a positive are a mean over all of them."""
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
        group = groups.setdefault(key, Group(*key))
        group.rows += 1
        group.query_words += count_words(example.query)
        group.positives += len(example.positive_ids)
        group.negatives += len(example.negative_ids)
        group.positive_words += sum(words[i] for i in example.positive_ids)
        if len(group.samples) < samples:
            group.samples.append(example)
        elif (place := rng.randrange(group.rows)) < samples:
            group.samples[place] = example
    return [groups[key] for key in sorted(groups)]
