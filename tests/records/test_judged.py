"""Judgments and collections as people have them."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drama.errors import FileError
from drama.records import (
    Collection,
    Document,
    read_passages,
    read_qrels,
    read_queries,
    read_trec_run,
)
from drama.records.hit import Hit
from drama.records.measures import per_query


@pytest.mark.parametrize(
    "text",
    [
        "query-id\tcorpus-id\tscore\nq\ta b\t1\nq\tc\t0\n",
        "\ufeffquery-id\tcorpus-id\tscore\r\nq\ta b\t1\r\n\r\nq\tc\t0\r\n",
        "\ufeffq\ta b\t1.0\nq\tc\t0.\n",
        "q\t0\ta b\t1\nq\t0\tc\t0",
        "topic\titer\tdocid\trel\nq\t0\ta b\t+1\nq\t0\tc\t0\n",
        "#qid\tdocument\trelevance\n q \t a b \t1\nq\tc\t-0\n",
        "topic_id\tdoc\tlabel\nq\ta b\t1\nq\ta b\t1\nq\tc\t0\n",
    ],
)
def test_forms_of_judgments(text: str, tmp_path: Path) -> None:
    (tmp_path / "test.tsv").write_bytes(text.encode())
    (tmp_path / "test.tsv.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("test.tsv", "test.tsv.gz"):
        assert read_qrels(tmp_path / name) == {"q": {"a b": 1, "c": 0}}


@pytest.mark.parametrize("text", ["topic docid rel\nq a 1\nq b 0\n", "q 0 a 1\nq 0 b 0\n", "q  a\t1\nq b 0"])
def test_spaces_between_columns(text: str, tmp_path: Path) -> None:
    (tmp_path / "q").write_text(text)
    if "\t" in text:  # one tab makes tabs the separator of its line
        with pytest.raises(FileError, match="line 1: expected 3 columns"):
            read_qrels(tmp_path / "q")
        return
    assert read_qrels(tmp_path / "q") == {"q": {"a": 1, "b": 0}}


def test_a_query_called_topic_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "q").write_text("topic\ta\t1\n")
    assert read_qrels(tmp_path / "q") == {"topic": {"a": 1}}


def test_a_run_from_windows(tmp_path: Path) -> None:
    (tmp_path / "run").write_bytes("\ufeffq Q0 d 1 0.5 t\r\nq\tQ0\te f\t2\t0.25\tt\r\n".encode())
    assert read_trec_run(tmp_path / "run") == {"q": {"d": 0.5, "e f": 0.25}}


def judged(folder: Path, documents: str, judgments: str) -> Path:
    (folder / "qrels").mkdir(parents=True)
    lines = "".join(f'{{"_id": "{d}", "text": "text of {d}"}}\n' for d in documents.split())
    (folder / "corpus.jsonl").write_text(lines)
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "text of a"}\n{"_id": "r", "text": null}\n')
    (folder / "qrels/test.tsv").write_text(judgments)
    return folder


def test_judged_documents_that_are_not_in_the_corpus(run_drama: Callable[..., Any], tmp_path: Path) -> None:
    folder = judged(tmp_path / "cut", "a b", "q\ta\t1\nq\tgone\t1\nr\tb\t1\n")
    read = Collection.read(folder)
    assert read.not_in_corpus == ["gone"]
    assert read.left_out["judged documents that are not in the corpus"] == 1
    assert read.left_out["judged queries without text"] == 1
    done = run_drama("evaluate", "bm25", folder, "--out", tmp_path / "r.json", "--json")
    assert done.code == 0
    flat = " ".join(done.stderr.split())
    assert "warning: cut: judged documents that are not in the corpus: 1, such as 'gone'." in flat
    # As trec_eval has it: half of the relevant documents for one of two queries.
    found = per_query({"q": [Hit("a", 1.0, 1)]}, read.qrels)
    assert found["R@100"] == {"q": 0.5, "r": 0.0}
    assert '"R@100": 0.25' in done.stdout


def test_a_collection_without_any_judged_document_is_refused(tmp_path: Path) -> None:
    folder = judged(tmp_path / "other", "a b", "q\tx\t1\nr\ty\t1\n")
    with pytest.raises(
        FileError, match=r"test\.tsv: names document id 'x', which is not in corpus\.jsonl, nor is"
    ):
        Collection.read(folder)


def test_a_compressed_collection(tmp_path: Path) -> None:
    folder = judged(tmp_path / "small", "a b", "q\ta\t1\n")
    before = Collection.read(folder)
    for file in (folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels/test.tsv"):
        file.with_name(file.name.upper() + ".gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    after = Collection.read(folder)
    assert (after.documents, after.queries, after.qrels) == (before.documents, before.queries, before.qrels)
    assert [q.text for q in read_queries(folder / "QUERIES.JSONL.gz")] == ["text of a", ""]


def test_nulls_in_passages_are_empty(tmp_path: Path) -> None:
    row = {"id": "a", "title": None, "text": None, "lang": None, "source": "s", "chunk_of": None}
    pq.write_table(pa.Table.from_pylist([row, {**row, "id": "b", "text": "t"}]), tmp_path / "p.parquet")
    found = list(read_passages(tmp_path / "p.parquet"))
    assert found == [Document("a", "", "", "", "s"), Document("b", "", "t", "", "s")]
