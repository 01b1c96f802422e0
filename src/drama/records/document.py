"""Document: a unit of text that can be retrieved, in BEIR's `corpus.jsonl` or in our Parquet passages."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import pyarrow as pa

from drama.records.fields import Fields
from drama.records.jsonl import read_jsonl, write_jsonl
from drama.records.parquet import open_parquet, read_rows, write_rows

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


def document_from(fields: Fields, number: int, values: Mapping[str, object], source: str) -> Document:
    """The document in a row of any table or file.

    >>> fields = Fields("a.parquet", "document", unit="row")
    >>> document_from(fields, 1, {"text": "Bees dance.", "id": 7, "title": None}, source="a")
    Document(id='7', title='', text='Bees dance.', lang='', source='a', chunk_of='')

    Args:
        fields: of this table.
        number: of the row; also its id where `values` has none.
        values: `text`, and optionally `id`, `title`, `lang`, `source` and `chunk_of`, which may be null.
        source: of documents that name none.

    Raises:
        DramaError: a null text, a field of the wrong type, or an empty or duplicate id.
    """
    if values["text"] is None:
        raise fields.error(number, "field 'text' must be text, found NoneType")
    identity = fields.identity(number, values.get("id", number))
    title, text, lang, own_source, chunk_of = (
        fields.text(number, field, values.get(field))
        for field in ("title", "text", "lang", "source", "chunk_of")
    )
    return Document(identity, title, text, lang, own_source or source, chunk_of)


def read_documents_jsonl(path: Path, source: str = "") -> Iterator[Document]:
    """Stream a BEIR `corpus.jsonl` (`_id`, `text`, optional `title` and `lang`); a null text is empty."""
    fields = Fields(path, "document")
    for number, row in read_jsonl(path, required=("_id", "text")):
        text = "" if row["text"] is None else row["text"]
        values = {"id": row["_id"], "text": text, "title": row.get("title"), "lang": row.get("lang")}
        yield document_from(fields, number, values, source)


def write_documents_jsonl(path: Path, documents: Iterable[Document]) -> int:
    """Write a BEIR `corpus.jsonl`, atomically. Returns how many were written."""
    rows = ({"_id": d.id, "title": d.title, "text": d.text, "lang": d.lang} for d in documents)
    return write_jsonl(path, ({k: v for k, v in row.items() if v or k != "lang"} for row in rows))


def write_passages(path: Path, documents: Iterable[Document]) -> int:
    """Stream documents into one Parquet file, written atomically. Returns how many were written."""
    return write_rows(path, documents, PASSAGE_SCHEMA)


def count_passages(path: Path) -> int:
    """How many documents a Parquet passages file holds, by its footer."""
    return int(open_parquet(path).metadata.num_rows)


def read_passages(path: Path) -> Iterator[Document]:
    """Stream the documents of a Parquet passages file; its column `chunk_of` may be missing."""
    return (Document(*row) for row in read_rows(path, PASSAGE_SCHEMA, optional=("chunk_of",)))


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
