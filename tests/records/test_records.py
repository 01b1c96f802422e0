"""Files of records come back as they were written; runs and qrels as every tool reads them."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from drama.records import (
    Document,
    Example,
    Reading,
    rank,
    read_documents_jsonl,
    read_examples,
    read_passages,
    read_qrels,
    read_trec_run,
    write_documents_jsonl,
    write_examples,
    write_passages,
    write_trec_run,
)


@given(st.dictionaries(st.text("abc", min_size=1), st.floats(-5, 5), max_size=8), st.integers(1, 9))
def test_ranking_is_by_score_then_id(scores: dict[str, float], k: int) -> None:
    hits = rank(scores, k)
    assert [h.rank for h in hits] == list(range(1, len(hits) + 1))
    assert len(hits) == min(k, len(scores))
    keys = [(-h.score, h.document_id) for h in hits]
    assert keys == sorted(keys)


def test_documents_and_examples_come_back(tmp_path: Path) -> None:
    documents = [Document("1", "t", "x\ny", "en", "s"), Document("2", "", "日本", "ja", "s")]
    write_passages(tmp_path / "p.parquet", documents)
    assert list(read_passages(tmp_path / "p.parquet")) == documents
    write_documents_jsonl(tmp_path / "c.jsonl", documents)
    assert list(read_documents_jsonl(tmp_path / "c.jsonl", Reading("s"))) == documents
    example = Example("e", "q", ["1"], ["2"], [0.5], [0.25], "sent", "en", "s", "1")
    write_examples(tmp_path / "e.parquet", [example])
    assert list(read_examples(tmp_path / "e.parquet")) == [example]


def test_runs_and_qrels(tmp_path: Path) -> None:
    run = {"q": {"a": 0.5, "b": 0.25}}
    write_trec_run(tmp_path / "run.trec", run, "tag")
    assert (tmp_path / "run.trec").read_text().splitlines()[0] == "q\tQ0\ta\t1\t0.5\ttag"
    assert read_trec_run(tmp_path / "run.trec") == run
    (tmp_path / "trec.txt").write_text("q 0 a 1\nq 0 b 0\n")
    assert read_qrels(tmp_path / "trec.txt") == {"q": {"a": 1, "b": 0}}
