"""Collection: a judged BEIR folder, and the one reader of it.

corpus.jsonl   queries.jsonl   qrels/<split>.tsv
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from drama.errors import FileError
from drama.files import fingerprint_path
from drama.records.document import Document, read_documents_jsonl
from drama.records.judgment import Qrels, read_qrels
from drama.records.query import Query, read_queries


class Judged(NamedTuple):
    """The queries of one split that have judgments, and the judgments."""

    queries: list[Query]
    qrels: Qrels
    others: int
    """Queries of the folder without judgments in this split."""


@dataclass(frozen=True)
class Collection:
    """Documents, the queries that have judgments, and the judgments of one split."""

    name: str
    split: str
    documents: list[Document]
    queries: list[Query]
    qrels: Qrels
    hashes: dict[str, str]
    """File name → content hash, for provenance."""
    left_out: dict[str, int]
    """Counts of what contributes nothing: queries of other splits, judged queries without a relevant document
    (they count 0, as in trec_eval), documents without text."""

    @classmethod
    def read(cls, folder: Path, split: str = "test") -> Self:
        """Read and check a collection.

        Raises:
            FileError: a file is missing or broken, the corpus is empty, or the judgments name a query or
                document that does not exist.
        """
        if not folder.is_dir():
            raise FileError(folder, "no such collection folder")
        judged = read_judged(folder, split)
        corpus, queries, qrels = folder / "corpus.jsonl", folder / "queries.jsonl", qrels_file(folder, split)
        documents = list(read_documents_jsonl(corpus, source=folder.name))
        if not documents:
            raise FileError(corpus, "the corpus is empty")
        named = {document: query for query, grades in judged.qrels.items() for document in grades}
        _check_ids(qrels, corpus, named, {d.id for d in documents}, "document")
        return cls(
            folder.name,
            split,
            documents,
            judged.queries,
            judged.qrels,
            {p.name: fingerprint_path(p) for p in (corpus, queries, qrels)},
            {
                "queries without judgments": judged.others,
                "judged queries without a relevant document": sum(
                    not any(g > 0 for g in grades.values()) for grades in judged.qrels.values()
                ),
                "documents without text": sum(not d.full_text for d in documents),
            },
        )


def qrels_file(folder: Path, split: str) -> Path:
    """The judgments of a split."""
    path = folder / "qrels" / f"{split}.tsv"
    if not path.is_file():
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.tsv"))) or "none"
        raise FileError(path, "no such split", hint=f"there are: {there}")
    return path


def read_judged(folder: Path, split: str) -> Judged:
    """Read `queries.jsonl` and `qrels/<split>.tsv`, but not the corpus.

    Raises:
        FileError: a file is missing or broken, or a judged query does not exist.
    """
    path, queries_file = qrels_file(folder, split), folder / "queries.jsonl"
    queries, qrels = list(read_queries(queries_file)), read_qrels(path)
    _check_ids(path, queries_file, qrels, {q.id for q in queries}, "query")
    used = [query for query in queries if query.id in qrels]
    return Judged(used, qrels, len(queries) - len(used))


def _check_ids(qrels: Path, other: Path, named: Mapping[str, object], known: set[str], what: str) -> None:
    unknown = sorted(named.keys() - known)
    if unknown:
        raise FileError(
            qrels,
            f"names {what} id '{unknown[0]}', which is not in {other.name} ({len(unknown)} such ids)",
            hint="qrels, queries and corpus must come from the same collection",
        )
