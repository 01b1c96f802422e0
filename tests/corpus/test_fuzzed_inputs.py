"""Whatever the bytes of a file are: it is read, or refused with its name. Nothing else is raised."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drama.corpus.readers.inputs import read_input
from drama.errors import DramaError
from drama.records import read_passages, read_qrels, read_queries, read_trec_run

GOOD = {
    "a.jsonl": b'{"_id": 1, "text": "a \\ud83d\\ude42", "lang": "de"}\n{"_id": "b", "text": null, "x": []}\n',
    "a.csv": b'id,text,lang\n1,"one, ""two""\nthree",en\n2,four,\n',
    "a.tsv": b"id\ttext\n1\tone\n2\ttwo\n",
    "a.txt": "Café 日本\n".encode(),
    "a.html": b"<!doctype><html lang=de><meta charset=gb2312><title>T</title><nav>x</nav><p>a<![b]>&amp;<p>c",
    "a.md": b"---\ntitle: T\n---\n# A\n\nB [c](http://d)\n```py\ne\n```\n",
    "a.rst": b"A\n=\n\n.. note:: b\n\n   c\n\n::\n\n   d\n\n:ref:`e <f>`\n",
    "a.adoc": b"= A\n:lang: en\n\n----\nb\n----\n\nhttp://c[d]\n",
    "a.org": b"#+TITLE: A\n* B :c:\n#+BEGIN_SRC sh\nd\n#+END_SRC\n[[e][f]]\n",
    "a.1": b'.TH A 1\n.SH NAME\na \\- b\n.BR \\-c " d"\n.nf\ne\n.fi\n.TS\nl l.\na\tb\n.TE\n',
    "b.8": b".Dd x\n.Dt B 8\n.Sh NAME\n.Nm b\n.Nd c\n.Op Fl d Ar e\n.Bd -literal\nf\n.Ed\n.Xr a 1 .\n",
    "a.tex": b"\\title{A}\\begin{document}\\section{B}c \\emph{d} $x^2$"
    b"\\begin{verbatim}e\\end{verbatim}\\end{document}",
    "a.ipynb": b'{"cells": [{"cell_type": "markdown", "source": ["# A"]}], "metadata": {}, "nbformat": 4}',
    "a.py": b"def a():\n    return 1\n",
    "queries.jsonl": b'{"_id": "q", "text": "one"}\n',
    "test.tsv": b"query-id\tcorpus-id\tscore\nq\td\t1\nq\te\t0\n",
    "run.trec": b"q\tQ0\td\t1\t0.5\tt\nq Q0 e 2 0.25 t\n",
}
READERS: dict[str, Callable[[Path], Any]] = {
    "queries.jsonl": read_queries,
    "test.tsv": read_qrels,
    "run.trec": read_trec_run,
}
PIECES = [
    *(
        b'"',
        b"\n",
        b"\r",
        b"\t",
        b",",
        b"\0",
        b"\\",
        b"{",
        b"[" * 3000,
        b"]",
        b":",
        b"null",
        b"NaN",
        b"-1e999",
    ),
    *(
        b"9" * 5000,
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\\ud83d",
        b"\xed\xa0\x80",
        b"\xe2\x80\xa8",
        b"<![x]>",
        b"<!--",
    ),
    *(b"</p>", b"&#xD800;", b"<meta charset=rot13>", b"<meta charset=replacement>", b" ", b"1.0"),
]
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 200), st.integers(0, 4), st.one_of(st.sampled_from(PIECES), st.binary(max_size=4))
    ),
    max_size=4,
)


def changed(data: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """Bytes replaced or inserted at some places."""
    for place, length, piece in changes:
        at = place % (len(data) + 1)
        data = data[:at] + piece + data[at + length :]
    return data


def check(read: Callable[[Path], Any], path: Path) -> None:
    message, found = path.name, []
    try:
        found = list(read(path))
    except DramaError as error:
        message = error.message
    assert path.name in message
    for document in found:
        for text in document:
            str(text).encode()


fuzzed = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", GOOD)
@fuzzed
@given(changes=CHANGES)
def test_text_files(name: str, changes: list[tuple[int, int, bytes]], tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(changed(GOOD[name], changes))
    check(READERS.get(name, lambda p: read_input(str(p))), path)


@fuzzed
@given(changes=CHANGES)
def test_compressed_files(changes: list[tuple[int, int, bytes]], tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(changed(gzip.compress(GOOD["a.jsonl"], mtime=0), changes))
    check(lambda p: read_input(str(p)), path)


@fuzzed
@given(changes=CHANGES, start=st.integers(0, 3000))
def test_parquet_files(changes: list[tuple[int, int, bytes]], start: int, tmp_path: Path) -> None:
    good, path = tmp_path / "good.parquet", tmp_path / "a.parquet"
    if not good.is_file():
        names = ("id", "title", "text", "lang", "source")
        pq.write_table(pa.table({n: [f"{n} {i}" for i in range(50)] for n in names}), good)
    data = good.read_bytes()
    at = start % len(data)
    path.write_bytes(data[:at] + changed(data[at:], changes))
    check(lambda p: read_input(str(p)), path)
    check(read_passages, path)


@pytest.mark.parametrize("kind", ["pdf", "docx", "epub"])
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=CHANGES, start=st.integers(0, 40000))
def test_documents(
    kind: str,
    changes: list[tuple[int, int, bytes]],
    start: int,
    made: Callable[[str, Path], None],
    tmp_path: Path,
) -> None:
    good, path = tmp_path / f"good.{kind}", tmp_path / f"a.{kind}"
    if not good.is_file():
        made(kind, good)
    data = good.read_bytes()
    at = start % len(data)
    path.write_bytes(data[:at] + changed(data[at:], changes))
    check(lambda p: read_input(str(p)), path)
