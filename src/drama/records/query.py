"""Query: what somebody asks, in BEIR's `queries.jsonl`."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from drama.files import atomic_file
from drama.records.fields import Fields
from drama.records.jsonl import read_jsonl


class Query(NamedTuple):
    """One query; `lang` is an ISO 639-1 code or empty."""

    id: str
    text: str
    lang: str = ""


def read_queries(path: Path) -> Iterator[Query]:
    """Stream a BEIR `queries.jsonl` (`_id`, `text`, optional `lang`).

    Raises:
        FileError: broken line, missing field, empty or duplicate id.
    """
    fields = Fields(path, "query")
    for number, row in read_jsonl(path, required=("_id", "text")):
        identity = fields.identity(number, row["_id"])
        text, lang = (fields.text(number, field, row.get(field)) for field in ("text", "lang"))
        yield Query(identity, text, lang)


def write_queries(path: Path, queries: Iterable[Query]) -> int:
    """Write a BEIR `queries.jsonl`, atomically. Returns how many were written."""
    written = 0
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8") as handle:
        for query in queries:
            row = {"_id": query.id, "text": query.text} | ({"lang": query.lang} if query.lang else {})
            handle.write(json.dumps(row, ensure_ascii=False) + "\n")
            written += 1
    return written
