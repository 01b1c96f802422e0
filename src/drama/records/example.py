"""Example: one row of training data. Documents are named by id, never copied in."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from drama.records.parquet import read_rows, write_rows

EXAMPLE_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("query", pa.string()),
        ("positive_ids", pa.list_(pa.string())),
        ("negative_ids", pa.list_(pa.string())),
        ("positive_scores", pa.list_(pa.float32())),
        ("negative_scores", pa.list_(pa.float32())),
        ("kind", pa.string()),
        ("lang", pa.string()),
        ("source", pa.string()),
        ("origin", pa.string()),
    ]
)

WRITTEN = "written.parquet"
"""In the folder of a file of examples: passages that an LLM wrote for them, which are in no corpus."""


class Example(NamedTuple):
    """A query with its positive and hard negative documents.

    `kind` is how the query was made (`sent`, `qgen`, … ; see `drama.augment.kinds`), `source`
    the corpus (`written` for a triplet), `origin` the id of the document the query was made from or with
    (empty when there is none). Scores are the labelling retriever's, parallel to the ids, in its own unit;
    NaN is one that it did not give.
    """

    id: str
    query: str
    positive_ids: list[str]
    negative_ids: list[str]
    positive_scores: list[float]
    negative_scores: list[float]
    kind: str
    lang: str = ""
    source: str = ""
    origin: str = ""


def write_examples(path: Path, examples: Iterable[Example]) -> int:
    """Stream examples into one Parquet file, written atomically. Returns how many were written."""
    return write_rows(path, examples, EXAMPLE_SCHEMA)


def read_examples(path: Path) -> Iterator[Example]:
    """Stream the examples of a Parquet file; errors as from `read_rows`."""
    return (Example(*row) for row in read_rows(path, EXAMPLE_SCHEMA))
