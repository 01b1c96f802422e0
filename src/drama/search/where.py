"""Filters: only documents of a language, a source, or with a value of their metadata."""

from collections.abc import Iterable, Mapping, Sequence

from drama.errors import DramaError
from drama.records import Document

OWN = ("lang", "source")
"""Fields that any document may have; the others are names in its metadata."""


def parse_where(words: Iterable[str]) -> dict[str, list[str]]:
    """Field → values, one of which must fit, out of `field=value` words.

    Raises:
        DramaError: a word without `=`.

    >>> parse_where(["lang=de", "lang=fr", "year=2024"])
    {'lang': ['de', 'fr'], 'year': ['2024']}
    """
    found: dict[str, list[str]] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise DramaError(f"filter '{word}': not field=value", hint="for example: lang=de")
        found.setdefault(name, []).append(value)
    return found


def fits(document: Document, where: Mapping[str, Sequence[str]]) -> bool:
    """Whether a document has one of the values of each field; a list in its metadata has each of its parts.

    >>> document = Document("d", "", "tea", "en", metadata=(("tags", "tea, green"),))
    >>> [fits(document, w) for w in ({"lang": ["en", "de"]}, {"tags": ["green"]}, {"tags": ["gree"]})]
    [True, True, False]
    """
    own = {**dict(document.metadata), "lang": document.lang, "source": document.source}
    return all(
        (value := own.get(name, "")) in wanted or not {*value.split(", ")}.isdisjoint(wanted)
        for name, wanted in where.items()
    )


def fields_of(documents: Iterable[Document]) -> list[str]:
    """What documents can be filtered by: the fields of which one has a value."""
    names: dict[str, None] = {}
    for document in documents:
        names |= {name: None for name in OWN if getattr(document, name)}
        names |= {name: None for name, _ in document.metadata}
    return sorted(names)


def check_fields(where: Mapping[str, Sequence[str]], fields: Sequence[str]) -> None:
    """Refuse a field that no document has.

    Raises:
        DramaError: names it, and those that there are.
    """
    for name in where:
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise DramaError(f"filter '{name}': no document has this field", hint=f"fields: {known}")
