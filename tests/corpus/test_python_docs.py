"""The embedded documentation as a stage: the judged sentence is in no passage, with other inputs too."""

from pathlib import Path

import pytest

from drama.corpus import CorpusSettings, build_corpus
from drama.corpus.readers.python_docs import KnownItems, python_docs, release_file
from drama.errors import DramaError
from drama.files import fingerprint_path
from drama.records import (
    Document,
    read_documents_jsonl,
    read_passages,
    read_qrels,
    read_queries,
    write_documents_jsonl,
)


def fold(text: str) -> str:
    return " ".join(text.split()).lower()


@pytest.fixture(scope="module")
def whole() -> KnownItems:
    return python_docs(limit=None, queries=300, seed=13)


def test_every_passage_is_short_unique_and_named(whole: KnownItems) -> None:
    assert len(whole.queries) == 300
    assert len({d.id for d in whole.documents}) == len(whole.documents) > 3000
    assert max(len(d.text.split()) for d in whole.documents) <= 60
    assert all(d.title and d.text and d.lang == "en" for d in whole.documents)
    assert whole.dropped["too short, left out"] > 0


def test_judged_sentences_stand_in_no_passage_of_the_whole(whole: KnownItems) -> None:
    everything = "\n".join(fold(d.full_text) for d in whole.documents)
    for query in whole.queries:
        assert fold(query.text) not in everything
        assert 5 <= len(query.text.split()) <= 30


def test_the_same_seed_gives_the_same_and_another_does_not(whole: KnownItems) -> None:
    assert python_docs(limit=None, queries=300, seed=13) == whole
    other = python_docs(limit=None, queries=300, seed=14)
    assert other.queries != whole.queries


def test_a_small_limit_holds_and_leaves_wrong_answers() -> None:
    items = python_docs(limit=50, queries=300, seed=1)
    assert (len(items.documents), len(items.queries)) == (50, 25)
    assert items.dropped["not in the sample"] > 0


def test_beside_another_input(tmp_path: Path) -> None:
    write_documents_jsonl(tmp_path / "mine.jsonl", [Document("1", "", "a text of mine")])
    settings = CorpusSettings(
        inputs=["python-docs", str(tmp_path / "mine.jsonl")], max_documents=80, known_items=20
    )
    manifest = build_corpus(settings, tmp_path / "out", seed=3)
    passages = list(read_passages(tmp_path / "out/passages.parquet"))
    assert manifest.counts["ok"] == len(passages) == manifest.figures["documents"] == 81
    assert manifest.counts["known-item queries"] == 20
    assert manifest.inputs["input python-docs"] == fingerprint_path(
        release_file()
    )  # another Python, another corpus
    assert {d.id.split("/")[0] for d in passages} == {"python-docs", "mine"}
    folder = tmp_path / "out/known-items"
    ids = {d.id for d in read_documents_jsonl(folder / "corpus.jsonl")}
    queries = list(read_queries(folder / "queries.jsonl"))
    qrels = read_qrels(folder / "qrels/test.tsv")
    assert {q.id for q in queries} == set(qrels)
    assert {d for judged in qrels.values() for d in judged} <= ids
    everything = "\n".join(fold(d.full_text) for d in passages)
    assert not any(fold(q.text) in everything for q in queries)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    path = tmp_path / "many.jsonl"
    write_documents_jsonl(path, [Document(str(i), "", f"text number {i}") for i in range(50)])
    return path


def test_a_sample_is_seeded_counted_and_in_order(many: Path, tmp_path: Path) -> None:
    settings = CorpusSettings(inputs=[str(many)], max_documents=10)
    manifest = build_corpus(settings, tmp_path / "a", seed=1)
    assert manifest.counts == {"ok": 50, "not in the sample": 40}
    kept = [d.id for d in read_passages(tmp_path / "a/passages.parquet")]
    assert len(kept) == 10
    assert kept == sorted(kept, key=int)
    build_corpus(settings, tmp_path / "b", seed=1)
    assert [d.id for d in read_passages(tmp_path / "b/passages.parquet")] == kept
    build_corpus(settings, tmp_path / "c", seed=2)
    assert [d.id for d in read_passages(tmp_path / "c/passages.parquet")] != kept


def test_judgments_beside_a_corpus_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "beir"
    folder.mkdir()
    write_documents_jsonl(folder / "corpus.jsonl", [Document("1", "t", "text")])
    (folder / "queries.jsonl").write_text("this is no JSON")
    settings = CorpusSettings(inputs=[str(folder)])
    build_corpus(settings, tmp_path / "out")
    (folder / "queries.jsonl").write_text("changed")
    stamp = (tmp_path / "out/passages.parquet").stat().st_mtime_ns
    build_corpus(settings, tmp_path / "out")  # unchanged for this stage: skipped
    assert (tmp_path / "out/passages.parquet").stat().st_mtime_ns == stamp


def test_two_inputs_of_one_name_are_refused(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent).mkdir()
        write_documents_jsonl(tmp_path / parent / "c.jsonl", [Document("1", "", "text")])
    settings = CorpusSettings(inputs=[str(tmp_path / "a/c.jsonl"), str(tmp_path / "b/c.jsonl")])
    with pytest.raises(DramaError, match="two inputs are called 'c'"):
        build_corpus(settings, tmp_path / "out")
