"""Files of records come back as they were written; runs and qrels as every tool reads them."""

import ctypes
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

near = st.sampled_from([0.0, -0.0, 0.5, 0.5 + 1e-12, 0.5 + 1e-7, 1e300, 1e301, -1e300]) | st.floats(-5, 5)


@given(st.dictionaries(st.text("aé～😀", min_size=1), near, max_size=12), st.integers(0, 13))
def test_ranking_is_by_score_in_float32_then_by_falling_bytes_of_the_id(
    scores: dict[str, float], k: int
) -> None:
    def as_trec_eval(pair: tuple[str, float]) -> tuple[float, bytes]:
        score = ctypes.c_float(pair[1]).value
        return score, pair[0].encode()

    plain = sorted(scores.items(), key=as_trec_eval, reverse=True)[:k]
    hits = rank(scores, k)
    assert [h.document_id for h in hits] == [document for document, _ in plain]
    assert [h.score for h in hits] == [as_trec_eval(pair)[0] for pair in plain]
    assert [h.rank for h in hits] == list(range(1, len(plain) + 1))


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
    write_trec_run(tmp_path / "run.trec", {q: rank(scores) for q, scores in run.items()}, "tag")
    assert (tmp_path / "run.trec").read_text().splitlines()[0] == "q\tQ0\ta\t1\t0.5\ttag"
    assert read_trec_run(tmp_path / "run.trec") == run
    (tmp_path / "trec.txt").write_text("q 0 a 1\nq 0 b 0\n")
    assert read_qrels(tmp_path / "trec.txt") == {"q": {"a": 1, "b": 0}}
