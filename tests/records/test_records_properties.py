"""What is written comes back whole, whatever the ids and texts."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drama.records import (
    Document,
    Query,
    Reading,
    rank,
    read_documents_jsonl,
    read_passages,
    read_qrels,
    read_queries,
    read_trec_run,
    write_documents_jsonl,
    write_passages,
    write_qrels,
    write_queries,
    write_trec_run,
)

in_one_folder = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
ids = st.text(st.characters(exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=8)
spaced_ids = st.lists(ids, min_size=1, max_size=3).map(" ".join)
metadata = st.dictionaries(texts, texts.filter(bool), max_size=3).map(lambda found: tuple(found.items()))
languages = st.sampled_from(["", "de"])
documents = st.lists(
    st.builds(Document, spaced_ids, texts, texts, languages, st.just("s"), texts, metadata),
    unique_by=lambda d: d.id,
    max_size=5,
)
scores = st.floats(allow_nan=False, allow_infinity=False, width=32)
runs = st.dictionaries(spaced_ids, st.dictionaries(spaced_ids, scores, min_size=1, max_size=4), max_size=3)
qrels = st.dictionaries(
    spaced_ids, st.dictionaries(spaced_ids, st.integers(-1, 3), min_size=1, max_size=4), min_size=1
)


@in_one_folder
@given(documents)
def test_documents(tmp_path: Path, rows: list[Document]) -> None:
    assert write_documents_jsonl(tmp_path / "c.jsonl", rows) == len(rows)
    assert list(read_documents_jsonl(tmp_path / "c.jsonl", Reading("s"))) == rows
    assert write_passages(tmp_path / "p.parquet", rows) == len(rows)
    assert list(read_passages(tmp_path / "p.parquet")) == rows
    table = pq.read_table(tmp_path / "p.parquet").drop_columns(["chunk_of", "metadata"])
    pq.write_table(table, tmp_path / "before.parquet")  # as it was written before there were chunks
    whole = [d._replace(chunk_of="", metadata=()) for d in rows]
    assert list(read_passages(tmp_path / "before.parquet")) == whole


def test_somebodys_metadata_is_no_table(tmp_path: Path) -> None:
    write_passages(tmp_path / "p.parquet", [Document("a", "", "tea", "en", "s")])
    table = pq.read_table(tmp_path / "p.parquet").drop_columns("metadata")
    pq.write_table(table.append_column("metadata", [["{}"]]), tmp_path / "p.parquet")
    assert list(read_passages(tmp_path / "p.parquet")) == [Document("a", "", "tea", "en", "s")]


@in_one_folder
@given(
    st.lists(
        st.builds(Query, spaced_ids, texts, st.sampled_from(["", "de"])), unique_by=lambda q: q.id, max_size=5
    )
)
def test_queries(tmp_path: Path, rows: list[Query]) -> None:
    assert write_queries(tmp_path / "q.jsonl", rows) == len(rows)
    assert list(read_queries(tmp_path / "q.jsonl")) == rows


@in_one_folder
@given(qrels)
def test_judgments(tmp_path: Path, judged: dict[str, dict[str, int]]) -> None:
    write_qrels(tmp_path / "q.tsv", judged)
    assert read_qrels(tmp_path / "q.tsv") == judged


@in_one_folder
@given(runs)
def test_runs_come_back_in_the_same_order(tmp_path: Path, run: dict[str, dict[str, float]]) -> None:
    hits = {q: rank(s) for q, s in run.items()}
    write_trec_run(tmp_path / "run.trec", hits, "tag")
    read = read_trec_run(tmp_path / "run.trec")
    assert read == run
    assert {q: rank(s) for q, s in read.items()} == hits


def test_scores_that_differ_in_the_last_digit_do_not_become_ties(tmp_path: Path) -> None:
    low = np.float32(0.12345679)
    close = {"q": {"b": float(low), "a": float(np.nextafter(low, np.float32(1)))}}
    write_trec_run(tmp_path / "run.trec", {"q": rank(close["q"])}, "tag")
    read = read_trec_run(tmp_path / "run.trec")
    assert read == close
    assert [h.document_id for h in rank(read["q"])] == ["a", "b"]


@pytest.mark.parametrize("line", ["q Q0 d 1 0.5 tag", "q\tQ0\td\t1\t0.5\ttag", "  q   Q0 d 1 5e-1 tag  "])
def test_runs_of_other_tools_are_read(tmp_path: Path, line: str) -> None:
    (tmp_path / "run.trec").write_text(line + "\n\n")
    assert read_trec_run(tmp_path / "run.trec") == {"q": {"d": 0.5}}


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "c.jsonl").write_bytes(b'\xef\xbb\xbf{"_id": 1, "text": "t"}\r\n')
    assert [d.id for d in read_documents_jsonl(tmp_path / "c.jsonl")] == ["1"]
    (tmp_path / "q.tsv").write_bytes(b"query-id\tcorpus-id\tscore\r\nq\td\t1\r\n")
    assert read_qrels(tmp_path / "q.tsv") == {"q": {"d": 1}}
