"""What has not changed is neither read nor cut again, and the result is that of reading everything."""

from pathlib import Path
from typing import Any

import pytest

from drama.corpus import CorpusSettings, build_corpus
from drama.corpus.passages import chunks
from drama.corpus.readers import page
from drama.corpus.readers.page import Page
from drama.records import read_passages


def settings(folder: Path, tokenizer: Path, **other: Any) -> CorpusSettings:
    values = {"inputs": [str(folder)], "chunk": {"tokens": 48, "tokenizer": str(tokenizer)}, **other}
    return CorpusSettings.parse(values, where="corpus")


@pytest.fixture
def folder(tmp_path: Path, texts: list[str]) -> Path:
    home = tmp_path / "notes"
    home.mkdir()
    for n in range(4):
        (home / f"{n}.txt").write_text(" ".join(f"Note {n}, line {i}: {t}" for i, t in enumerate(texts)))
    (home / "short.md").write_text(f"# Short\n\n{texts[0]}\n")
    (home / "twin").mkdir()  # its note is left out: it is the other one's
    (home / "twin/0.txt").write_text((home / "0.txt").read_text())
    (home / "rows.jsonl").write_text('{"_id": "r1", "text": "Honey is made by bees."}\n')
    return home


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the pages that are read."""
    names: list[str] = []
    for reader in ("read_plain_page",):
        plain = getattr(page, reader)

        def noted(path: Path, plain: Any = plain) -> Page:
            names.append("twin" if path.parent.name == "twin" else path.name)
            return plain(path)

        monkeypatch.setattr(page, reader, noted)
    return names


def test_it_is_as_if_all_were_read(folder: Path, tiny_llm: Path, tmp_path: Path, read: list[str]) -> None:
    before = tmp_path / "before"
    build_corpus(settings(folder, tiny_llm), before)
    assert sorted(read) == ["0.txt", "1.txt", "2.txt", "3.txt", "twin"]
    (folder / "1.txt").write_text(" ".join(f"Something else entirely, part {i}." for i in range(30)))
    (folder / "2.txt").unlink()
    (folder / "0a.txt").write_text(" ".join(f"A new note about honey and bee {i}." for i in range(30)))
    read.clear()
    now = build_corpus(settings(folder, tiny_llm), tmp_path / "now", earlier=before)
    assert sorted(read) == ["0a.txt", "1.txt", "twin"]
    whole = build_corpus(settings(folder, tiny_llm), tmp_path / "whole")
    passages = list(read_passages(tmp_path / "now/passages.parquet"))
    assert passages == list(read_passages(tmp_path / "whole/passages.parquet"))
    assert any(p.chunk_of == "3.txt" for p in passages)
    assert now.counts == whole.counts
    assert now.counts[chunks.CUT] == 5
    # and again, from what was itself taken over
    read.clear()
    build_corpus(settings(folder, tiny_llm), tmp_path / "again", earlier=tmp_path / "now")
    assert read == ["twin"]
    assert passages == list(read_passages(tmp_path / "again/passages.parquet"))


def test_a_note_whose_twin_is_gone_comes_back(folder: Path, tiny_llm: Path, tmp_path: Path) -> None:
    build_corpus(settings(folder, tiny_llm), tmp_path / "before")
    (folder / "0.txt").unlink()
    build_corpus(settings(folder, tiny_llm), tmp_path / "now", earlier=tmp_path / "before")
    build_corpus(settings(folder, tiny_llm), tmp_path / "whole")
    passages = list(read_passages(tmp_path / "now/passages.parquet"))
    assert passages == list(read_passages(tmp_path / "whole/passages.parquet"))
    assert any(p.whole_id == "twin/0.txt" for p in passages)


@pytest.mark.parametrize(
    "other",
    [{"languages": ["en"]}, {"near_duplicates": 0.9}, {"chunk": {"tokens": 64}}],
)
def test_other_settings_read_everything(
    folder: Path, tiny_llm: Path, tmp_path: Path, read: list[str], other: dict[str, Any]
) -> None:
    build_corpus(settings(folder, tiny_llm), tmp_path / "before")
    read.clear()
    if "chunk" in other:
        other = {"chunk": {**other["chunk"], "tokenizer": str(tiny_llm)}}
    build_corpus(settings(folder, tiny_llm, **other), tmp_path / "now", earlier=tmp_path / "before")
    assert len(read) == 5


def test_several_inputs_and_a_folder_that_was_moved(
    folder: Path, tiny_llm: Path, tmp_path: Path, read: list[str]
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text("Bread rises because yeast turns sugar into gas.")
    both = settings(folder, tiny_llm, inputs=[str(folder), str(other)])
    build_corpus(both, tmp_path / "before")
    moved = tmp_path / "elsewhere" / "notes"
    moved.parent.mkdir()
    folder.rename(moved)
    read.clear()
    both = settings(moved, tiny_llm, inputs=[str(moved), str(other)])
    build_corpus(both, tmp_path / "now", earlier=tmp_path / "before")
    assert read == ["twin"]
    same = [list(read_passages(tmp_path / part / "passages.parquet")) for part in ("before", "now")]
    assert same[0] == same[1]


def test_a_text_under_several_names_is_one_document(
    folder: Path, tiny_llm: Path, tmp_path: Path, texts: list[str]
) -> None:
    (folder / "copy of 3.txt").write_text((folder / "3.txt").read_text())  # its title is its name, as 3's
    (folder / "card.md").write_text("---\ntitle: Card\ntags: [tea, green]\nyear: 2024\n---\nSteep it.\n")

    def passages(out: str, earlier: str | None = None) -> dict[str, Any]:
        before = tmp_path / earlier if earlier else None
        build_corpus(settings(folder, tiny_llm), tmp_path / out, earlier=before)
        return {p.id: p for p in read_passages(tmp_path / out / "passages.parquet")}

    found = passages("before")
    assert found["card.md"].metadata == (("tags", "tea, green"), ("year", "2024"))
    assert found["3.txt#1"].other_names == ["copy of 3.txt"]
    assert found["0.txt#2"].other_names == ["twin/0.txt"]
    assert found["1.txt#1"].other_names == []
    assert not {p.whole_id for p in found.values()} & {"copy of 3.txt", "twin/0.txt"}
    assert passages("again", "before") == found
    (folder / "copy of 3.txt").unlink()
    assert passages("now", "again")["3.txt#1"].other_names == []
    (folder / "3.txt").rename(folder / "moved.txt")
    assert "moved.txt" in {p.whole_id for p in passages("moved", "now").values()}
