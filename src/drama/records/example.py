"""Example: one row of training data. Documents are named by id, never copied in."""

import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from drama.errors import FileError

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
_ROWS_PER_GROUP = 4096


class Example(NamedTuple):
    """A query with its positive and hard negative documents.

    `kind` is how the query was made (`sent`, `qgen`, `supervised`), `source` the corpus, `origin` the id
    of the document the query was made from (empty when there is none). Scores are the labelling
    retriever's, parallel to the ids, in its own unit.
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
    partial = path.with_name(path.name + ".partial")
    written = 0
    stream = iter(examples)
    with pq.ParquetWriter(partial, EXAMPLE_SCHEMA) as writer:
        while group := list(islice(stream, _ROWS_PER_GROUP)):
            columns = zip(zip(*group, strict=True), EXAMPLE_SCHEMA.types, strict=True)
            writer.write_table(pa.table([pa.array(c, t) for c, t in columns], schema=EXAMPLE_SCHEMA))
            written += len(group)
    os.replace(partial, path)
    return written


def read_examples(path: Path) -> Iterator[Example]:
    """Stream the examples of a Parquet file.

    Raises:
        FileError: missing file, not Parquet, or a column is missing.
    """
    if not path.is_file():
        raise FileError(path, "no such file")
    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise FileError(path, f"not a Parquet file ({error})") from None
    missing = [name for name in EXAMPLE_SCHEMA.names if name not in file.schema_arrow.names]
    if missing:
        raise FileError(path, f"column '{missing[0]}' is missing", hint=f"needed: {EXAMPLE_SCHEMA.names}")
    for batch in file.iter_batches(_ROWS_PER_GROUP, columns=EXAMPLE_SCHEMA.names):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            yield Example(*row)
