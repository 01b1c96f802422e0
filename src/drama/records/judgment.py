"""Judgments: which documents are relevant to which queries, in BEIR's TSV qrels."""

import re
from pathlib import Path

from drama.errors import FileError
from drama.files import write_text
from drama.files.reading import read_lines

Qrels = dict[str, dict[str, int]]
"""query id → document id → relevance grade (0: judged, not relevant)."""

_GRADE = re.compile(r"([+-]?[0-9]+)(?:\.0*)?")
_HIGHEST = 1_000_000
"""trec_eval counts the documents of every grade up to the highest."""
_HEADER = re.compile(r"#?(query|q|topic)([-_ ]?(id|no|num|number))?", re.IGNORECASE)
_HEADER_GRADE = re.compile(r"score|grade|rel(evance|evancy)?|label|judge?ment|qrel", re.IGNORECASE)


def read_qrels(path: Path) -> Qrels:
    """Read BEIR's qrels: a header line, then `query-id TAB corpus-id TAB score`.

    TREC's four columns (`query 0 document grade`), spaces between columns, other headers (`topic docid rel`)
    or none, and grades such as `1.0` are read too.

    Raises:
        FileError: missing or empty file, not UTF-8, wrong number of columns, a grade that is no integer, one
            document judged twice and differently for a query.
    """
    qrels: Qrels = {}
    first = True
    for number, line in read_lines(path):
        cells = [cell.strip() for cell in (line.split("\t") if "\t" in line else line.split())]
        was_first, first = first, False
        if was_first and _is_header(cells):
            continue
        if len(cells) == 4:
            cells = [cells[0], cells[2], cells[3]]
        if len(cells) != 3:
            problem = f"expected 3 columns (query-id, corpus-id, score), found {len(cells)}"
            raise FileError(path, problem, line=number)
        query_id, document_id, score = cells
        grade = _grade(path, number, score)
        before = qrels.setdefault(query_id, {}).setdefault(document_id, grade)
        if before != grade:
            problem = f"document '{document_id}' is judged {before} and {grade} for query '{query_id}'"
            raise FileError(path, problem, line=number)
    if not qrels:
        raise FileError(path, "holds no judgments")
    return qrels


def _is_header(cells: list[str]) -> bool:
    """Whether a first line is no judgment, but the names of columns: of the queries, or of the grades."""
    if _GRADE.fullmatch(cells[-1]):
        return False
    return bool(_HEADER_GRADE.fullmatch(cells[-1]) or (_HEADER.fullmatch(cells[0]) and len(cells[0]) > 1))


def _grade(path: Path, line: int, score: str) -> int:
    found = _GRADE.fullmatch(score)
    if found is None:
        raise FileError(path, f"score '{score}' is not an integer", line=line)
    if len(score) > 20 or abs(grade := int(found[1])) > _HIGHEST:
        raise FileError(path, f"score '{score[:20]}' is out of range (at most {_HIGHEST:,})", line=line)
    return grade


def write_qrels(path: Path, qrels: Qrels) -> None:
    """Write BEIR's qrels TSV, atomically."""
    rows = "".join(f"{q}\t{d}\t{g}\n" for q, judged in qrels.items() for d, g in judged.items())
    write_text(path, "query-id\tcorpus-id\tscore\n" + rows)
