"""Judgments: which documents are relevant to which queries, in BEIR's TSV qrels."""

import re
from pathlib import Path

from drama.errors import FileError
from drama.files import write_text

Qrels = dict[str, dict[str, int]]
"""query id → document id → relevance grade (0: judged, not relevant)."""

_INTEGER = re.compile(r"[+-]?[0-9]+")
_HEADER = re.compile(r"(query|q)[-_ ]?id$", re.IGNORECASE)
"""What a first line begins with that is no judgment: `query-id`, as BEIR writes it, and its variants."""


def read_qrels(path: Path) -> Qrels:
    """Read BEIR's qrels: a header line, then `query-id TAB corpus-id TAB score`.

    TREC's four-column form (`query 0 document grade`, no header) is read too.

    Raises:
        FileError: missing or empty file, wrong number of columns, a grade that is no integer, one document
            judged twice and differently for a query.
    """
    if not path.is_file():
        raise FileError(path, "no such file")
    qrels: Qrels = {}
    with path.open("rb") as handle:
        for number, raw in enumerate(handle, start=1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise FileError(path, f"not UTF-8 ({error.reason})", line=number) from None
            if not line.strip():
                continue
            cells = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
            if number == 1 and _HEADER.match(cells[0]):
                continue
            if len(cells) == 4:
                cells = [cells[0], cells[2], cells[3]]
            if len(cells) != 3:
                problem = f"expected 3 columns (query-id, corpus-id, score), found {len(cells)}"
                raise FileError(path, problem, line=number)
            query_id, document_id, grade = (cell.strip() for cell in cells)
            if not _INTEGER.fullmatch(grade):
                raise FileError(path, f"score '{grade}' is not an integer", line=number)
            before = qrels.setdefault(query_id, {}).setdefault(document_id, int(grade))
            if before != int(grade):
                problem = f"document '{document_id}' is judged {before} and {grade} for query '{query_id}'"
                raise FileError(path, problem, line=number)
    if not qrels:
        raise FileError(path, "holds no judgments")
    return qrels


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write BEIR's qrels TSV, atomically."""
    rows = "".join(f"{q}\t{d}\t{g}\n" for q, judged in qrels.items() for d, g in judged.items())
    write_text(path, "query-id\tcorpus-id\tscore\n" + rows)
