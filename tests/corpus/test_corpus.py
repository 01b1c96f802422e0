"""Inputs, what is dropped, and the promise that judged sentences are in no passage."""

from pathlib import Path

import pytest

from drama.corpus import CorpusSettings, build_corpus
from drama.corpus.readers.python_docs import python_docs
from drama.errors import DramaError, FileError
from drama.records import Document, read_passages, write_documents_jsonl


def fold(text: str) -> str:
    return " ".join(text.split()).lower()


def test_known_items_are_not_in_the_passages() -> None:
    items = python_docs(limit=900, queries=120, seed=5)
    assert (len(items.documents), len(items.queries)) == (900, 120)
    everything = "\n".join(fold(d.text) for d in items.documents)
    ids = {d.id for d in items.documents}
    assert len(ids) == 900
    for query in items.queries:
        assert fold(query.text) not in everything
        assert set(items.qrels[query.id]) <= ids


def test_inputs_are_named_counted_and_deduplicated(tmp_path: Path) -> None:
    beir = tmp_path / "beir"
    beir.mkdir()
    rows = [Document("1", "", "same text"), Document("2", "", "same  text"), Document("3", "", "")]
    write_documents_jsonl(beir / "corpus.jsonl", rows)
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "note.md").write_text("A note.")
    chosen = CorpusSettings(inputs=[str(beir), str(texts)])
    manifest = build_corpus(chosen, tmp_path / "out")
    assert manifest.counts == {"ok": 2, "exact duplicate, left out": 1, "empty, left out": 1}
    found = list(read_passages(tmp_path / "out/passages.parquet"))
    assert [d.id for d in found] == ["beir/1", "texts/note.md"]


@pytest.mark.parametrize("name", ["missing", "missing.jsonl"])
def test_a_missing_input_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=name):
        build_corpus(CorpusSettings(inputs=[str(tmp_path / name)]), tmp_path / "out")


def test_a_corpus_without_text_is_refused(tmp_path: Path) -> None:
    write_documents_jsonl(tmp_path / "c.jsonl", [Document("1", "", "")])
    with pytest.raises(DramaError, match="no document with text"):
        build_corpus(CorpusSettings(inputs=[str(tmp_path / "c.jsonl")]), tmp_path / "out")


def test_a_corpus_has_few_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    english = [
        Document(f"{n}", "", f"The wing {n} lifts the plane when air flows over it.") for n in range(200)
    ]
    titles = [Document(f"t{n}", "", text) for n, text in enumerate(["freeman method .", "Algebraic Systems"])]
    others = [
        Document("fi", "", "Lentokoneen siipi tuottaa nostovoimaa, kun ilma virtaa sen yli."),
        Document("th", "", "ปีกของเครื่องบินสร้างแรงยกเมื่ออากาศไหลผ่าน"),
        Document("de", "", "Der Flügel", lang="deu"),
    ]
    write_documents_jsonl(tmp_path / "c.jsonl", [*english, *titles, *others])
    manifest = build_corpus(CorpusSettings(inputs=[str(tmp_path / "c.jsonl")]), tmp_path / "out")
    assert manifest.figures["languages"] == {"en": 203, "th": 1, "de": 1}
    assert manifest.counts["language that is too rare to believe, taken for en"] == 1
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("warning:") == 1
    assert "fi 1 for en" in said
    assert "--language" in said
