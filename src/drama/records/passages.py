"""Passages: a corpus on disk that is read as often as wanted, and is never in memory as a whole."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from drama.records.document import Document, count_passages, read_passages


class Documents(Protocol):
    """A corpus that can be read more than once: a list of documents, or `Passages`."""

    def __len__(self) -> int:
        """How many documents."""

    def __iter__(self) -> Iterator[Document]:
        """All of them, from the first."""


class Passages:
    """The documents of a Parquet passages file.

    Raises:
        FileError: missing file, not Parquet, or (when it is read) a column is missing.

    >>> from tempfile import TemporaryDirectory
    >>> from drama.records import write_passages
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
    """Title and text of each document, in order, as often as wanted.

    >>> list(Texts([Document("a", "tea", "is green"), Document("b", "", "milk")]))
    ['tea is green', 'milk']
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[str]:
        return (document.full_text for document in self._documents)
