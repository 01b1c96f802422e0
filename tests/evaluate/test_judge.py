"""Marks by key become a BEIR folder that evaluation reads."""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from drama.evaluate.judge import Marks, make_pool, standings
from drama.records import Collection, Document, Hit, read_qrels
from drama.search import Index, build_index, encode_for_index

Drama = Callable[..., object]


@pytest.fixture
def run(tiny_llm: Path, texts: list[str], tmp_path: Path) -> Path:
    chunks = [Document(f"book#{n}", "Book", t, "en", "", "book") for n, t in enumerate(texts[:3])]
    others = [Document(f"d{n}", "", t, "en") for n, t in enumerate(texts[3:])]
    encode_for_index(str(tiny_llm), [*chunks, *others], tmp_path / "run/index")
    build_index(tmp_path / "run/index")
    return tmp_path / "run"


def press(monkeypatch: pytest.MonkeyPatch, keys: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(keys))


def test_marks_are_a_test_set_and_go_on(
    run: Path, run_drama: Drama, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "bread rises because of yeast"
    index = Index.open(run / "index")
    order = [f.document.whole_id for f in make_pool(index, query, 3).documents]
    right = next(f"d{n}" for n, text in enumerate(texts[3:]) if text.startswith("Bread"))
    keys = ["y" if name == right else "n" for name in order]
    # the first one is marked wrong, taken back, looked at in full and marked again; then q
    press(monkeypatch, "\n".join([query, "2", "b", "x", "m", keys[0], "q"]) + "\n")
    done = run_drama("judge", run, "-k", 3)
    assert done.code == 0, done.stderr
    assert f"[1/{len(order)}] {order[0]}" in done.stdout
    judged = run / "judged"
    assert read_qrels(judged / "qrels/test.tsv") == {"q1": {order[0]: int(order[0] == right)}}
    press(monkeypatch, "\n".join([query, *keys[1:], ""]) + "\n")
    done = run_drama("judge", run, "-k", 3)
    assert "1 documents are judged already" in done.stdout
    assert f"1 queries, {len(order)} documents judged, 1 relevant" in done.stdout
    assert "bm25 1.000" in done.stdout
    assert read_qrels(judged / "qrels/test.tsv") == {"q1": {name: int(name == right) for name in order}}
    collection = Collection.read(judged)
    assert [q.text for q in collection.queries] == [query]
    assert not collection.not_in_corpus  # documents, though the corpus holds passages
    done = run_drama("evaluate", "bm25", judged, "--out", run.parent / "results.json")
    assert done.code == 0, done.stderr


def test_queries_from_a_file(run: Path, run_drama: Drama, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = run.parent / "asked.txt"
    asked.write_text("wing lift\n\nhormones and glucose\n")
    press(monkeypatch, "d\nq\n")
    done = run_drama("judge", run / "index", "--out", run.parent / "mine", "--queries", asked)
    assert done.code == 0, done.stderr
    assert done.stdout.index("wing lift") < done.stdout.index("hormones and glucose")
    assert run_drama("judge", run / "index").code == 2  # an index: where to?
    done = run_drama("judge", run, "--queries", run.parent / "none.txt")
    assert "none.txt: no such file" in done.stderr


def test_somebodys_folder_is_refused(run: Path, run_drama: Drama, monkeypatch: pytest.MonkeyPatch) -> None:
    press(monkeypatch, "\n")
    done = run_drama("judge", run, "--out", run)
    assert done.code == 2
    assert "holds other files (index)" in done.stderr


def test_standings_count_queries_with_a_relevant_document(tmp_path: Path) -> None:
    marks = Marks.open(tmp_path / "judged", [Document("a", "", "x"), Document("b", "", "y")])
    first, second = marks.query("one"), marks.query("two")
    marks.mark(first, "a", 1)
    marks.mark(second, "b", 0)
    a, b = Hit("a", 1.0, 1), Hit("b", 0.5, 2)
    rankings = {
        q.id: {"bm25": [a, b], "dense": [b._replace(rank=1), a._replace(rank=2)]} for q in marks.queries
    }
    assert standings(marks, rankings) == {"bm25": 1.0, "dense": pytest.approx(0.6309, abs=1e-4)}
    assert standings(marks, {}) == {}
