"""How the columns of a table, or the keys of JSON lines, are called that hold a document's fields."""

from collections.abc import Iterable, Mapping

USUAL_NAMES = {
    "id": ("_id", "id", "docid"),
    "text": ("text", "contents", "body"),
    "title": ("title",),
    "lang": ("lang",),
    "source": ("source",),
    "chunk_of": ("chunk_of",),
    "metadata": ("metadata",),
}
"""Field of a document → usual names of its column; the first that is there holds it."""
NAMED = ("text", "title", "id", "lang", "source")
"""Fields whose columns can be named."""


def document_columns(names: Iterable[str], named: Mapping[str, str] | None = None) -> dict[str, str]:
    """Field of a document → the column that holds it: one that is named for it, or that has a usual name.

    >>> document_columns(["id", "_id", "contents", "n"])
    {'id': '_id', 'text': 'contents'}
    >>> document_columns(["id", "text", "abstract"], {"text": "abstract"})
    {'id': 'id', 'text': 'abstract'}
    """
    there, named = set(names), named or {}
    found = {}
    for field, usual in USUAL_NAMES.items():
        wanted = (named[field],) if field in named else usual
        column = next((name for name in wanted if name in there), None)
        if column is not None:
            found[field] = column
    return found
