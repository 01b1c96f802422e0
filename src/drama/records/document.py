"""Document: a unit of text that can be retrieved, in BEIR's `corpus.jsonl` or in our Parquet passages."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from drama.errors import FileError
from drama.records.jsonl import id_field, read_jsonl, text_field
from drama.records.parquet import count_rows, read_rows, write_rows

PASSAGE_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("id", "title", "text", "lang", "source", "chunk_of")]
)


class Document(NamedTuple):
    """One document (or passage: a chunk of one).

    `lang` is an ISO 639-1 code or empty when unknown; `source` names the corpus it came from;
    `chunk_of` is the id of the document that this is a chunk of, empty for one that is whole.

    >>> Document("d1", "a title", "the text").full_text
    'a title the text'
    >>> Document("d1", "", "the text").full_text
    'the text'
    """

    id: str
    title: str
    text: str
    lang: str = ""
    source: str = ""
    chunk_of: str = ""

    @property
    def full_text(self) -> str:
        """Title and text as one string, as BEIR's models and BM25 read a document."""
        return f"{self.title} {self.text}".strip()


def read_documents_jsonl(path: Path, source: str = "") -> Iterator[Document]:
    """Stream a BEIR `corpus.jsonl` (`_id`, `text`, optional `title` and `lang`).

    Raises:
        FileError: broken line, missing field, empty id, or the same id twice.
    """
    seen: set[str] = set()
    for number, row in read_jsonl(path, required=("_id", "text")):
        identity = id_field(path, number, row)
        if identity in seen:
            raise FileError(
                path, f"document id '{identity}' stands twice", line=number, hint="ids must be unique"
            )
        seen.add(identity)
        yield Document(
            identity,
            text_field(path, number, row, "title"),
            text_field(path, number, row, "text"),
            text_field(path, number, row, "lang"),
            source,
        )


def write_documents_jsonl(path: Path, documents: Iterable[Document]) -> int:
    """Write a BEIR `corpus.jsonl`, atomically. Returns how many were written."""
    partial = path.with_name(path.name + ".partial")
    written = 0
    with partial.open("w", encoding="utf-8") as handle:
        for d in documents:
            row = {"_id": d.id, "title": d.title, "text": d.text} | ({"lang": d.lang} if d.lang else {})
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += 1
    os.replace(partial, path)
    return written


def write_passages(path: Path, documents: Iterable[Document]) -> int:
    """Stream documents into one Parquet file, written atomically. Returns how many were written."""
    return write_rows(path, documents, PASSAGE_SCHEMA)


def count_passages(path: Path) -> int:
    """How many documents a Parquet passages file holds, by its footer.

    Raises:
        FileError: missing file, or not Parquet.
    """
    return count_rows(path)


def read_passages(path: Path) -> Iterator[Document]:
    """Stream the documents of a Parquet passages file.

    Raises:
        FileError: missing file, not Parquet, or a column is missing (`chunk_of` may be).
    """
    return (Document(*row) for row in read_rows(path, PASSAGE_SCHEMA, optional=("chunk_of",)))
