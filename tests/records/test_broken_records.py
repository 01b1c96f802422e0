"""Every broken file is refused with its name, its line and what is wrong."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drama.errors import FileError
from drama.records import (
    read_documents_jsonl,
    read_examples,
    read_passages,
    read_qrels,
    read_queries,
    read_trec_run,
    write_passages,
)

GOOD = b'{"_id": "a", "text": "t"}\n'


def refusal(read: Callable[[Path], Any], path: Path) -> str:
    with pytest.raises(FileError) as error:
        list(read(path))
    return error.value.message


@pytest.mark.parametrize("read", [read_documents_jsonl, read_queries])
@pytest.mark.parametrize(
    ("second", "message"),
    [
        (b"{", "line 2: not valid JSON"),
        (b"\xff{}", "line 2: not UTF-8"),
        (b"[]", "line 2: expected a JSON object, found list"),
        (b'{"_id": "b"}', "line 2: (field )?'text' is missing"),
        (b'{"text": "t"}', "line 2: (field '_id'|'id') is missing"),
        (b'{"_id": "", "text": "t"}', "line 2: the (document|query) id is empty"),
        (b'{"_id": null, "text": "t"}', "line 2: the (document|query) id is empty"),
        (b'{"_id": "a\\tb", "text": "t"}', "line 2: the (document|query) id has a tab or a line break"),
        (b'{"_id": true, "text": "t"}', "line 2: field '_id' must be text, found bool"),
        (b'{"_id": "b", "text": 5}', "line 2: field 'text' must be text, found int"),
        (b'{"_id": "b", "text": "\\ud83d"}', "line 2: field 'text' holds half a character"),
        (b'{"_id": "a", "text": "t"}', "line 2: duplicate (document|query) id 'a'"),
    ],
)
def test_json_lines(read: Callable[[Path], Any], second: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(GOOD + second + b"\n")
    assert re.search(f"rows.jsonl, {message}", refusal(read, path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no judgments"),
        (b"query-id\tcorpus-id\tscore\n", "holds no judgments"),
        (b"q\td\t1\nq\td\n", "line 2: expected 3 columns"),
        (b"q\td\t1\nq\te\t1.5\n", "line 2: score '1.5' is not an integer"),
        (b"q\td\t1\nq\te\t+-1\n", r"line 2: score '\+-1' is not an integer"),
        ("q\td\t1\nq\te\t²\n".encode(), "line 2: score '²' is not an integer"),
        (b"q\td\t1\nq\td\t0\n", "line 2: document 'd' is judged 1 and 0 for query 'q'"),
        (b"q\td\t1\nq\t\xff\t0\n", "line 2: not UTF-8"),
        (b"q\td\t1\nq\te\t" + b"9" * 10_000, "line 2: score '99999999999999999999' is out of range"),
        (b"q\td\t1\nq\te\t1000001\n", "line 2: score '1000001' is out of range"),
        (b"q\td\t1\nq\te\t1.0\tx\ty\n", "line 2: expected 3 columns"),
        (b"q\td\t1\nquery-id\tcorpus-id\tscore\n", "line 2: score 'score' is not an integer"),
    ],
)
def test_judgments(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "test.tsv"
    path.write_bytes(content)
    assert re.search(message, refusal(read_qrels, path))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q Q0 d 1 0.5", "expected 6 columns, found 5"),
        ("q Q0 d 1 high t", "'high' is not a number"),
        ("q Q0 d 1 nan t", "'nan' is not a number"),
        ("q Q0 a 2 0.5 t", "document 'a' is listed twice for query 'q'"),
    ],
)
def test_runs(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text(f"q Q0 a 1 1.0 t\n{line}\n")
    assert message in refusal(read_trec_run, path)
    assert "line 2" in refusal(read_trec_run, path)


@pytest.mark.parametrize(
    "read", [read_documents_jsonl, read_queries, read_passages, read_examples, read_qrels, read_trec_run]
)
def test_bytes_that_are_not_utf_8(read: Callable[[Path], Any], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xff\xfe\x00")
    expected = (
        "not a Parquet file" if read in (read_passages, read_examples) else "line 1: not UTF-8 but UTF-16"
    )
    assert expected in refusal(read, path)


@pytest.mark.parametrize(
    "read", [read_documents_jsonl, read_queries, read_passages, read_examples, read_qrels, read_trec_run]
)
def test_a_missing_file(read: Callable[[Path], Any], tmp_path: Path) -> None:
    assert refusal(read, tmp_path / "nowhere").endswith("nowhere: no such file")
    if read in (read_examples, read_passages):
        assert refusal(read, tmp_path).endswith(": is a folder")


def test_ids_in_all_lines_or_in_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "t"}\n{"docid": "b", "text": "t"}\n')
    assert re.search("line 2: has an id .'docid'., and the lines before", refusal(read_documents_jsonl, path))


def test_parquet_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not parquet")
    assert "not a Parquet file" in refusal(read_passages, tmp_path / "text")
    pq.write_table(
        pa.table({name: [1] for name in ("id", "title", "text", "lang", "source")}), tmp_path / "n"
    )
    assert "column 'id' must hold text, found int64" in refusal(read_passages, tmp_path / "n")
    write_passages(tmp_path / "p.parquet", [])
    assert "column 'query' is missing" in refusal(read_examples, tmp_path / "p.parquet")


def test_a_file_that_is_cut_off_while_writing_keeps_the_old_one(tmp_path: Path) -> None:
    from drama.records import Document, write_documents_jsonl

    def torn() -> Any:
        yield Document("new", "", "t")
        raise RuntimeError("cut off")

    path = tmp_path / "c.jsonl"
    write_documents_jsonl(path, [Document("old", "", "t")])
    with pytest.raises(RuntimeError):
        write_documents_jsonl(path, torn())
    assert [d.id for d in read_documents_jsonl(path)] == ["old"]


@pytest.mark.parametrize(
    "header", ["query-id\tcorpus-id\tscore\n", "qid\tdocid\trel\n", "topic docid rel\n", ""]
)
def test_only_a_header_may_be_passed_over(header: str, tmp_path: Path) -> None:
    path = tmp_path / "test.tsv"
    path.write_text(header + "q\ta\t1\n")
    assert read_qrels(path) == {"q": {"a": 1}}
    path.write_text("q\ta\tone\nq\tb\t1\n")
    with pytest.raises(FileError, match="line 1: score 'one' is not an integer"):
        read_qrels(path)
