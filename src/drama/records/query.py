"""Query: what somebody asks, in BEIR's `queries.jsonl`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from drama.language.codes import normalise_language
from drama.records.fields import Fields
from drama.records.jsonl import read_jsonl, write_jsonl


class Query(NamedTuple):
    """One query; `lang` is an ISO 639-1 code or empty."""

    id: str
    text: str
    lang: str = ""


def read_queries(path: Path) -> Iterator[Query]:
    """Stream a BEIR `queries.jsonl` (`_id`, `text`, optional `lang`); a null text is empty."""
    fields = Fields(path, "query")
    for number, row in read_jsonl(path, required=("_id", "text")):
        identity = fields.identity(number, row["_id"])
        text, lang = (fields.text(number, field, row.get(field)) for field in ("text", "lang"))
        yield Query(identity, text, normalise_language(lang))


def write_queries(path: Path, queries: Iterable[Query]) -> int:
    """Write a BEIR `queries.jsonl`, atomically. Returns how many were written."""
    rows = ({"_id": q.id, "text": q.text} | ({"lang": q.lang} if q.lang else {}) for q in queries)
    return write_jsonl(path, rows)
