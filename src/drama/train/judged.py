"""A BEIR folder as training needs it: to measure on, or to keep its queries out."""

from pathlib import Path
from typing import NamedTuple

from drama.errors import FileError
from drama.records import Qrels, Query, read_documents_jsonl, read_qrels, read_queries


class Judged(NamedTuple):
    """The queries of one split that have judgments, and these."""

    queries: list[Query]
    qrels: Qrels


def read_judged(folder: Path, split: str) -> Judged:
    """Read `queries.jsonl` and `qrels/<split>.tsv`.

    Raises:
        FileError: a file is missing or broken, or a judged query does not exist.
    """
    path = folder / "qrels" / f"{split}.tsv"
    if not path.is_file():
        there = sorted(p.stem for p in (folder / "qrels").glob("*.tsv"))
        raise FileError(path, "no such split", hint=f"there are: {', '.join(there) or 'none'}")
    qrels = read_qrels(path)
    queries = [query for query in read_queries(folder / "queries.jsonl") if query.id in qrels]
    missing = qrels.keys() - {query.id for query in queries}
    if missing:
        raise FileError(path, f"names {len(missing)} queries that are not there, e.g. '{min(missing)}'")
    return Judged(queries, qrels)


def read_corpus(folder: Path, qrels: Qrels) -> dict[str, str]:
    """Document id → title and text.

    Raises:
        FileError: a file is missing or broken, or a judged document does not exist.
    """
    path = folder / "corpus.jsonl"
    texts = {document.id: document.full_text for document in read_documents_jsonl(path, source=folder.name)}
    missing = {i for grades in qrels.values() for i in grades} - texts.keys()
    if missing:
        raise FileError(path, f"{len(missing)} judged documents are not there, e.g. '{min(missing)}'")
    return texts
