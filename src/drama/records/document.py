"""Document: a unit of text that can be retrieved, in BEIR's `corpus.jsonl` or in our Parquet passages."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import pyarrow as pa

from drama.errors import DramaError, FileError
from drama.files.reading import is_text
from drama.language.codes import normalise_language
from drama.records.columns import document_columns
from drama.records.fields import Fields
from drama.records.jsonl import read_jsonl, write_jsonl
from drama.records.parquet import open_parquet, read_rows, write_rows

Metadata = tuple[tuple[str, str], ...]
"""What is known of a document besides, as names and values."""
ALSO = "also"
"""Metadata of a document that has other names too: those, separated by tabs."""
_TEXTS = ("id", "title", "text", "lang", "source", "chunk_of")
PASSAGE_SCHEMA = pa.schema(
    [*((name, pa.string()) for name in _TEXTS), ("metadata", pa.map_(pa.string(), pa.string()))]
)
_MOST_KEYS = 1000


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
    metadata: Metadata = ()

    @property
    def whole_id(self) -> str:
        """The id of the document that this is, or is a chunk of."""
        return self.chunk_of or self.id

    @property
    def other_names(self) -> list[str]:
        """Ids of documents with the same text, which are left out.

        >>> Document("a.md", "", "tea", metadata=(("also", "b.md\\tc.md"),)).other_names
        ['b.md', 'c.md']
        """
        return [name for name in dict(self.metadata).get(ALSO, "").split("\t") if name]

    @property
    def full_text(self) -> str:
        """Title and text as one string, as BEIR's models and BM25 read a document."""
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True)
class Reading:
    """What the reader of a file is told about it.

    >>> Reading("papers", columns={"text": "abstract"}).source
    'papers'
    """

    source: str = ""
    """Of documents that name none."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Field of a document → the column or key that holds it, where it has no usual name."""
    seen: set[str] = field(default_factory=set)
    """Ids so far: shared by the files of a folder, whose ids must all differ."""
    before_numbers: str = ""
    """What comes before the number of a row that is its id."""


class NoTextError(FileError):
    """A table in which no column holds a text."""


class DocumentRows:
    """Makes documents of the rows of one file or table; the rules are the same in every format.

    An id is text or an integer, unique, not empty and without control characters; without an id column it is
    the row's number. A null text is empty. `lang` becomes the one code of its language. A `source` that is
    not text is ignored unless its column is named.

    >>> rows = DocumentRows("a.parquet", Reading("a"), unit="row")
    >>> rows.columns(["docid", "body", "title"])
    {'id': 'docid', 'text': 'body', 'title': 'title'}
    >>> rows.document(1, {"id": 7, "text": "Bees dance.", "title": None, "lang": "en-GB"})
    Document(id='7', title='', text='Bees dance.', lang='en', source='a', chunk_of='', metadata=())

    Args:
        place: the file or table, as errors name it.
        reading: what is known about it.
        unit: what errors count.
        hint: what to do about a wrong id.
    """

    def __init__(
        self,
        place: Path | str,
        reading: Reading,
        unit: Literal["line", "row"] = "line",
        hint: str = "ids must be unique",
    ) -> None:
        self.fields = Fields(place, "document", unit, hint, reading.seen)
        self._place, self._reading = place, reading

    def columns(
        self, names: Sequence[str], number: int | None = None, ragged: bool = False
    ) -> dict[str, str]:
        """Field → column, of a table with these columns or a row with these keys.

        Args:
            names: the columns or keys.
            number: of the line or row that has them; None for a whole table.
            ragged: rows differ in their keys, so all but the text may be missing in one of them.

        Raises:
            DramaError: none holds the text, one that is named is missing, or two have one name.
        """
        found = document_columns(names, self._reading.columns)
        for wanted in ("text", *(() if ragged else self._reading.columns)):
            if wanted not in found:
                if wanted == "text" and not ragged:
                    problem, hint = self._missing(wanted, names)
                    raise NoTextError(self._place, problem, line=number, hint=hint)
                raise self.missing(wanted, names, number)
        twice = [name for name in found.values() if list(names).count(name) > 1]
        if twice:
            raise self.fields.error(number, f"has two columns '{twice[0]}'", hint="rename one of them")
        return found

    def missing(self, wanted: str, names: Iterable[str], number: int | None = None) -> DramaError:
        """The error for a field without a column or key."""
        return self.fields.error(number, *self._missing(wanted, names))

    def _missing(self, wanted: str, names: Iterable[str]) -> tuple[str, str]:
        """Message and hint."""
        name = self._reading.columns.get(wanted, wanted)
        hint = "name it after a question mark: papers.jsonl?text=abstract&id=doi"
        return f"'{name}' is missing (there are: {', '.join(names) or 'none'})", hint

    def document(self, number: int, values: Mapping[str, object], row: int | None = None) -> Document:
        """The document in a row.

        Args:
            number: of the line or row, for errors.
            values: field of a document → value; all may be null but the id.
            row: the number that is the row's id where `values` has none; default: `number`.

        Raises:
            DramaError: a field of the wrong type, or an id against the rules.
        """
        numbered = f"{self._reading.before_numbers}{number if row is None else row}"
        identity = self.fields.identity(number, values.get("id", numbered))
        title, text, lang, chunk_of = (
            self.fields.text(number, name, values.get(name)) for name in ("title", "text", "lang", "chunk_of")
        )
        source = values.get("source")
        if "source" not in self._reading.columns and not isinstance(source, str):
            source = None  # many data sets have something else of that name
        source = self.fields.text(number, "source", source) or self._reading.source
        metadata = metadata_of(values.get("metadata"))
        return Document(identity, title, text, normalise_language(lang), source, chunk_of, metadata)


def metadata_of(value: object) -> Metadata:
    """Names and values, lists with commas; what is deeper, empty or no table is left out.

    >>> metadata_of({"tags": ["tea", "green"], "year": 2024, "draft": None, "more": {"a": 1}})
    (('tags', 'tea, green'), ('year', '2024'))
    """
    pairs = value.items() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    found = []
    for pair in pairs:
        if not isinstance(pair, tuple) or len(pair) != 2:
            continue
        name, own = pair
        parts = own if isinstance(own, list) else [own]
        text = ", ".join(
            str(part) for part in parts if part is not None and not isinstance(part, dict | list)
        )
        if text and is_text(text) and is_text(str(name)):
            found.append((str(name), text))
    return tuple(found)


def read_documents_jsonl(path: Path, reading: Reading | None = None) -> Iterator[Document]:
    """Stream JSON lines, such as a BEIR `corpus.jsonl`: `text`, and optionally `_id`, `title`, `lang` and
    `source`, or what `document_columns` takes for them. A file has ids in all lines or in none.

    Raises:
        FileError: a line is broken, has no text or id, or breaks a rule of `DocumentRows`.
    """
    reading = reading or Reading()
    rows = DocumentRows(path, reading)
    known: dict[tuple[str, ...], dict[str, str]] = {}  # few, unless every line has keys of its own
    seen: set[str] = set()
    has_ids = True
    for number, row in read_jsonl(path):
        names = tuple(row)
        columns = known.get(names)
        if columns is None:
            columns = rows.columns(names, number, ragged=True)
            if not seen:
                has_ids = "id" in columns
            if has_ids and "id" not in columns:
                raise rows.missing("id", names, number)
            if not has_ids and "id" in columns:
                problem = f"has an id ('{columns['id']}'), and the lines before have none"
                raise rows.fields.error(number, problem, "give all lines an id, or none")
            seen.update(columns)
            if len(known) < _MOST_KEYS:
                known[names] = columns
        yield rows.document(number, {name: row[column] for name, column in columns.items()})
    for wanted in reading.columns if seen else ():
        if wanted not in seen:
            raise rows.missing(wanted, sorted({name for names in known for name in names}))


def write_documents_jsonl(path: Path, documents: Iterable[Document]) -> int:
    """Write a BEIR `corpus.jsonl`, atomically. Returns how many were written."""
    names = ("title", "text", "lang", "chunk_of")
    rows = (
        {"_id": d.id} | {name: getattr(d, name) for name in names} | {"metadata": dict(d.metadata)}
        for d in documents
    )
    optional = ("lang", "chunk_of", "metadata")
    return write_jsonl(path, ({k: v for k, v in row.items() if v or k not in optional} for row in rows))


def write_passages(path: Path, documents: Iterable[Document]) -> int:
    """Stream documents into one Parquet file, written atomically. Returns how many were written."""
    return write_rows(path, documents, PASSAGE_SCHEMA)


def count_passages(path: Path) -> int:
    """How many documents a Parquet passages file holds, by its footer."""
    return int(open_parquet(path).metadata.num_rows)


def read_passages(path: Path) -> Iterator[Document]:
    """Stream the documents of a Parquet passages file; the columns `metadata` and `chunk_of` may be missing,
    and a null is empty.

    Raises:
        FileError: what `read_rows` raises.
    """
    rows = read_rows(path, PASSAGE_SCHEMA, optional=("chunk_of", "metadata"))
    return map(document_of_row, rows)


def document_of_row(row: Sequence[Any]) -> Document:
    """A document from the values of its columns; those at the end may be missing."""
    values = [value or "" for value in row] + [""] * (len(Document._fields) - len(row))
    *_, metadata = values
    identity, title, text, lang, source, chunk_of = values[: len(_TEXTS)]
    return Document(identity, title, text, lang, source, chunk_of, metadata_of(metadata))


class Documents(Protocol):
    """A corpus that can be read more than once: a list of documents, or `Passages`."""

    def __len__(self) -> int:
        """How many documents."""

    def __iter__(self) -> Iterator[Document]:
        """All of them, from the first."""


class Passages:
    """The documents of a Parquet passages file, read from disk on every pass.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder) / "passages.parquet"
    ...     _ = write_passages(file, [Document("a", "", "tea"), Document("b", "", "milk")])
    ...     passages = Passages(file)
    ...     len(passages), [d.id for d in passages], [d.id for d in passages]
    (2, ['a', 'b'], ['a', 'b'])
    """

    def __init__(self, path: Path) -> None:
        self._path, self._count = path, count_passages(path)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Document]:
        return read_passages(self._path)


class Texts:
    """Title and text of each document, in order; can be iterated repeatedly.

    >>> list(Texts([Document("a", "tea", "is green"), Document("b", "", "milk")]))
    ['tea is green', 'milk']
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[str]:
        return (document.full_text for document in self._documents)
