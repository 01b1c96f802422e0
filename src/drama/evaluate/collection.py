"""Collection: a BEIR-layout folder, checked on reading.

corpus.jsonl   queries.jsonl   qrels/<split>.tsv
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from drama.errors import FileError
from drama.records import Document, Qrels, Query, read_documents_jsonl, read_qrels, read_queries
from drama.workspace import fingerprint_path


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
    """What was read and gives nothing, counted: queries of other splits, judged queries that no document
    answers (they count 0, as in trec_eval), documents without text."""

    @classmethod
    def read(cls, folder: Path, split: str = "test") -> Self:
        """Read and check a collection.

        Raises:
            FileError: a file is missing or broken, the corpus is empty, or the judgments name a query or
                document that does not exist.
        """
        if not folder.is_dir():
            raise FileError(folder, "no such collection folder")
        corpus, queries_file = folder / "corpus.jsonl", folder / "queries.jsonl"
        qrels_file = folder / "qrels" / f"{split}.tsv"
        if not qrels_file.is_file():
            there = sorted(p.stem for p in (folder / "qrels").glob("*.tsv"))
            raise FileError(qrels_file, "no such split", hint=f"there are: {', '.join(there) or 'none'}")
        documents = list(read_documents_jsonl(corpus, source=folder.name))
        if not documents:
            raise FileError(corpus, "the corpus is empty")
        queries = list(read_queries(queries_file))
        qrels = read_qrels(qrels_file)
        _check_names(qrels_file, queries_file, qrels, {q.id for q in queries}, "query")
        judged = {d: q for q, grades in qrels.items() for d in grades}
        _check_names(qrels_file, corpus, judged, {d.id for d in documents}, "document")
        used = [q for q in queries if q.id in qrels]
        return cls(
            folder.name,
            split,
            documents,
            used,
            qrels,
            {p.name: fingerprint_path(p) for p in (corpus, queries_file, qrels_file)},
            {
                "queries without judgments": len(queries) - len(used),
                "judged queries without a relevant document": sum(
                    not any(g > 0 for g in grades.values()) for grades in qrels.values()
                ),
                "documents without text": sum(not d.full_text for d in documents),
            },
        )


def _check_names(qrels: Path, other: Path, named: Mapping[str, object], known: set[str], what: str) -> None:
    unknown = sorted(named.keys() - known)
    if unknown:
        raise FileError(
            qrels,
            f"names {what} id '{unknown[0]}', which is not in {other.name} ({len(unknown)} such ids)",
            hint="qrels, queries and corpus must come from the same collection",
        )
