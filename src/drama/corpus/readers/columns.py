"""The columns of a table that hold a document's fields."""

from collections.abc import Iterable

_IDS = ("_id", "id")


def document_columns(names: Iterable[str]) -> dict[str, str]:
    """Field of a document → the column that holds it, by its usual name.

    >>> document_columns(["id", "_id", "text", "n"])
    {'text': 'text', 'id': '_id'}
    """
    there = set(names)
    found = {field: field for field in ("text", "title", "lang", "source", "chunk_of") if field in there}
    identity = next((name for name in _IDS if name in there), None)
    return found | ({"id": identity} if identity else {})
