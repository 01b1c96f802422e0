"""What will be trained on: the rows of `examples.parquet` by source, kind and language."""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from drama.language import count_words, cut_words
from drama.records import WRITTEN, Document, Example, read_examples, read_passages
from drama.records.sample import Reservoir
from drama.workspace import Manifest

_HEADER = ("source", "kind", "lang", "rows", "words a query", "a positive", "positives", "negatives")
_SAMPLES = 2
_SHOWN_WORDS = 25


def count_groups(path: Path, documents: Iterable[Document]) -> list[dict[str, Any]]:
    """The number of rows of each group, and means: words per query and per positive, positives and negatives
    per row.

    Args:
        path: `examples.parquet`.
        documents: all passages that it names.

    Raises:
        FileError: the file is missing or broken.
    """
    words = {d.id: count_words(d.full_text) for d in documents}
    groups: dict[tuple[str, str, str], Counter[str]] = {}
    for example in read_examples(path):
        groups.setdefault(_group(example), Counter()).update(
            rows=1,
            query_words=count_words(example.query),
            positive_words=sum(words[i] for i in example.positive_ids),
            positives=len(example.positive_ids),
            negatives=len(example.negative_ids),
        )
    return [
        {
            **dict(zip(("source", "kind", "lang"), group, strict=True)),
            "rows": n["rows"],
            "query_words": round(n["query_words"] / n["rows"], 1),
            "positive_words": round(n["positive_words"] / n["positives"], 1),
            "positives": round(n["positives"] / n["rows"], 2),
            "negatives": round(n["negatives"] / n["rows"], 2),
        }
        for group, n in sorted(groups.items())
    ]


def show(out: Path, manifest: Manifest) -> Iterator[str]:
    """Yield the lines of a table of the groups, and two rows of each.

    Args:
        out: the folder of a finished stage.
        manifest: the stage's.

    Raises:
        FileError: a file is missing or broken.
    """
    cells = [_HEADER, *(tuple(map(str, group.values())) for group in manifest.figures["groups"])]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(padded)
    rng = random.Random(manifest.seed)
    samples: dict[tuple[str, str, str], Reservoir[Example]] = {}
    for example in read_examples(out / "examples.parquet"):
        samples.setdefault(_group(example), Reservoir(_SAMPLES, rng)).add(example)
    shown = {
        i for s in samples.values() for e in s.chosen for i in (*e.positive_ids[:1], *e.negative_ids[:1])
    }
    written = out / WRITTEN
    places = [Path(manifest.paths["passages"]), *([written] if written.is_file() else ())]
    texts = {d.id: d.full_text for place in places for d in read_passages(place) if d.id in shown}
    for group in sorted(samples):
        yield f"\n{' '.join(group)}"
        for example in samples[group].chosen:
            yield f"  ? {example.query}"
            for sign, ids in (("+", example.positive_ids), ("-", example.negative_ids)):
                if ids:
                    yield f"  {sign} [{ids[0]}] {cut_words(texts[ids[0]], _SHOWN_WORDS)}"


def _group(example: Example) -> tuple[str, str, str]:
    return example.source, example.kind, example.lang
