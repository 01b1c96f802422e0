"""A row of somebody's table, with columns and types of its own, as a document."""

from collections.abc import Mapping
from typing import Any

from drama.errors import DramaError
from drama.records import Document

IDS = ("_id", "id")
"""Columns that hold an id, the first that is there."""


class RowReader:
    """Rows of one table, in their order.

    >>> reader = RowReader("a.parquet", "a")
    >>> reader.document({"text": "Bees dance.", "id": 7, "title": None})
    Document(id='7', title='', text='Bees dance.', lang='', source='a', chunk_of='')

    Args:
        table: what errors call it.
        source: of the documents that name none.
        hint: what to do where ids are wrong.
    """

    def __init__(self, table: str, source: str, hint: str = "ids must be unique") -> None:
        self._table, self._source, self._hint = table, source, hint
        self._seen: set[str] = set()
        self._number = 0

    def document(self, values: Mapping[str, Any]) -> Document:
        """The next row's, of `text` and, where they are there, `id` (else its number, from 1), `title`,
        `lang`, `source` and `chunk_of`.

        Raises:
            DramaError: a text that is no string, or an id that is empty or stands twice.
        """
        self._number += 1
        where = f"{self._table}, row {self._number}"
        if not isinstance(values["text"], str):
            raise DramaError(f"{where}: the text is no string but {type(values['text']).__name__}")
        given = values.get("id", self._number)
        identity = "" if given is None else str(given)
        if not identity or identity in self._seen:
            what = f"document id '{identity}' stands twice" if identity else "the document id is empty"
            raise DramaError(f"{where}: {what}", hint=self._hint)
        self._seen.add(identity)
        title, lang, source, chunk_of = (
            str(values.get(part) or "") for part in ("title", "lang", "source", "chunk_of")
        )
        return Document(identity, title, values["text"], lang, source or self._source, chunk_of)
