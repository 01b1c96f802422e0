"""The nouns: small frozen records, and the readers and writers of the files they live in."""

from drama.records.collection import Collection, qrels_file, queries_file, read_judged
from drama.records.corpus_language import corpus_language
from drama.records.document import (
    ALSO,
    Document,
    DocumentRows,
    Documents,
    Metadata,
    NoTextError,
    Passages,
    Reading,
    Texts,
    count_passages,
    document_of_row,
    metadata_of,
    read_documents_jsonl,
    read_passages,
    write_documents_jsonl,
    write_passages,
)
from drama.records.example import WRITTEN, Example, read_examples, write_examples
from drama.records.hit import Hit, by_document, has_signal, rank, ranked, read_trec_run, write_trec_run
from drama.records.judgment import Qrels, read_qrels, write_qrels
from drama.records.parquet import open_parquet
from drama.records.query import Query, read_queries, write_queries

__all__ = [
    "ALSO",
    "WRITTEN",
    "Collection",
    "Document",
    "DocumentRows",
    "Documents",
    "Example",
    "Hit",
    "Metadata",
    "NoTextError",
    "Passages",
    "Qrels",
    "Query",
    "Reading",
    "Texts",
    "by_document",
    "corpus_language",
    "count_passages",
    "document_of_row",
    "has_signal",
    "metadata_of",
    "open_parquet",
    "qrels_file",
    "queries_file",
    "rank",
    "ranked",
    "read_documents_jsonl",
    "read_examples",
    "read_judged",
    "read_passages",
    "read_qrels",
    "read_queries",
    "read_trec_run",
    "write_documents_jsonl",
    "write_examples",
    "write_passages",
    "write_qrels",
    "write_queries",
    "write_trec_run",
]
