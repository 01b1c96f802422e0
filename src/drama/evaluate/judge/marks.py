"""Marks on disk: a BEIR folder that is complete after each of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from drama.errors import FileError
from drama.records import (
    Document,
    Qrels,
    Query,
    read_qrels,
    read_queries,
    write_documents_jsonl,
    write_qrels,
    write_queries,
)

_QUERIES, _CORPUS = "queries.jsonl", "corpus.jsonl"
_QRELS = Path("qrels") / "test.tsv"
_OWN = {_QUERIES, _CORPUS, _QRELS.parts[0]}


class Marks:
    """The queries and judgments of a folder; every change is on disk when its method returns.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp()) / "judged"
    >>> marks = Marks.open(folder, [Document("d1", "", "Bees dance.")])
    >>> query = marks.query("why do bees dance")
    >>> marks.mark(query, "d1", 1)
    >>> Marks.open(folder, [Document("d1", "", "Bees dance.")]).qrels
    {'q1': {'d1': 1}}
    """

    def __init__(self, folder: Path, queries: list[Query], qrels: Qrels) -> None:
        self.folder, self.queries, self.qrels = folder, queries, qrels

    @classmethod
    def open(cls, folder: Path, documents: Iterable[Document]) -> Self:
        """Begin a folder or go on with one; its corpus becomes these documents.

        Raises:
            FileError: the folder holds other files, or its files are broken.
        """
        if folder.is_dir() and (others := sorted({p.name for p in folder.iterdir()} - _OWN)):
            raise FileError(
                folder, f"holds other files ({others[0]})", hint="name a folder of its own with --out"
            )
        queries = folder / _QUERIES
        qrels = folder / _QRELS
        found = list(read_queries(queries)) if queries.is_file() else []
        judged = read_qrels(qrels) if qrels.is_file() else {}
        write_documents_jsonl(folder / _CORPUS, documents)
        return cls(folder, found, judged)

    def query(self, text: str) -> Query:
        """The query with this text, a new one if there is none."""
        text = " ".join(text.split())
        known = next((query for query in self.queries if query.text == text), None)
        if known is not None:
            return known
        ids = {query.id for query in self.queries}
        number = next(n for n in range(len(ids) + 1, 2 * len(ids) + 2) if f"q{n}" not in ids)
        self.queries.append(Query(f"q{number}", text))
        write_queries(self.folder / _QUERIES, self.queries)
        return self.queries[-1]

    def mark(self, query: Query, document: str, grade: int | None) -> None:
        """Judge a document for a query; None takes the judgment back."""
        judged = self.qrels.setdefault(query.id, {})
        if grade is None:
            judged.pop(document, None)
        else:
            judged[document] = grade
        write_qrels(self.folder / _QRELS, {q: grades for q, grades in self.qrels.items() if grades})

    def grade(self, query: Query, document: str) -> int | None:
        """How a document was judged for a query; None: not at all."""
        return self.qrels.get(query.id, {}).get(document)
