"""Collection: a judged BEIR folder, and the one reader of it.

corpus.jsonl   queries.jsonl   qrels/<split>.tsv
"""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from drama.console import warn
from drama.errors import FileError
from drama.files import fingerprint_path
from drama.files.compression import find_file
from drama.records.document import Document, Reading, read_documents_jsonl
from drama.records.judgment import Qrels, read_qrels
from drama.records.query import Query, read_queries

_ONE_COLLECTION = "qrels, queries and corpus must come from the same collection"


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
    (they count 0, as in trec_eval), documents and judged queries without text, judged documents that are not
    in the corpus."""
    not_in_corpus: list[str]
    """Ids of the latter: no ranking can find them, and they count as not found, as in trec_eval."""

    @classmethod
    def read(cls, folder: Path, split: str = "test") -> Self:
        """Read and check a collection; its files may be compressed.

        Raises:
            FileError: a file is missing or broken, the corpus is empty or holds none of the judged documents,
                or the judgments name a query that does not exist.
        """
        if not folder.is_dir():
            raise FileError(folder, "no such collection folder")
        judged = read_judged(folder, split)
        corpus, queries, qrels = (
            _file(folder, "corpus.jsonl"),
            queries_file(folder),
            qrels_file(folder, split),
        )
        documents = list(read_documents_jsonl(corpus, Reading(folder.name)))
        if not documents:
            raise FileError(corpus, "the corpus is empty")
        named = {document for grades in judged.qrels.values() for document in grades}
        missing = sorted(named - {i for d in documents for i in (d.id, d.whole_id)})
        if len(missing) == len(named):
            raise FileError(
                qrels,
                f"names document id '{missing[0]}', which is not in {corpus.name}, nor is any other",
                hint=_ONE_COLLECTION,
            )
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
                "judged queries without text": sum(not q.text.strip() for q in judged.queries),
                "documents without text": sum(not d.full_text for d in documents),
                "judged documents that are not in the corpus": len(missing),
            },
            missing,
        )

    def warn_of_missing(self) -> None:
        """Say how many judged documents the corpus does not hold, if any."""
        if self.not_in_corpus:
            warn(
                f"{self.name}: judged documents that are not in the corpus: {len(self.not_in_corpus)}, "
                f"such as '{self.not_in_corpus[0]}'. They count as not found, as in trec_eval"
            )


def queries_file(folder: Path) -> Path:
    """The queries of a BEIR folder.

    Raises:
        FileError: there are none.
    """
    return _file(folder, "queries.jsonl")


def qrels_file(folder: Path, split: str) -> Path:
    """The judgments of a split.

    Raises:
        FileError: there are none.
    """
    path = folder / "qrels" / f"{split}.tsv"
    found = find_file(path.parent, path.name)
    if found is None:
        there = ", ".join(sorted(p.stem for p in path.parent.glob("*.tsv"))) or "none"
        raise FileError(path, "no such split", hint=f"there are: {there}")
    return found


def _file(folder: Path, name: str) -> Path:
    found = find_file(folder, name)
    if found is None:
        raise FileError(folder / name, "no such file", hint="check the path")
    return found


def read_judged(folder: Path, split: str) -> Judged:
    """Read `queries.jsonl` and `qrels/<split>.tsv`, but not the corpus.

    Raises:
        FileError: a file is missing or broken, or a judged query does not exist.
    """
    path, file = qrels_file(folder, split), queries_file(folder)
    queries, qrels = list(read_queries(file)), read_qrels(path)
    unknown = sorted(qrels.keys() - {q.id for q in queries})
    if unknown:
        raise FileError(
            path,
            f"names query id '{unknown[0]}', which is not in {file.name} ({len(unknown)} such ids)",
            hint=_ONE_COLLECTION,
        )
    used = [query for query in queries if query.id in qrels]
    return Judged(used, qrels, len(queries) - len(used))
