"""Datasets in the hub's formats from a folder, and the error where there is none."""

from pathlib import Path

import pytest

from drama.corpus import CorpusSettings, build_corpus
from drama.corpus.readers.inputs import read_input
from drama.errors import DramaError
from drama.records import Document, read_passages

datasets = pytest.importorskip("datasets")
ROWS = {"key": ["a", "b"], "body": ["The wing lifts.", "Das Brot geht auf."], "language": ["en", "de"]}
EXPECTED = [
    Document("a", "", "The wing lifts.", "en", "set"),
    Document("b", "", "Das Brot geht auf.", "de", "set"),
]
COLUMNS = "text=body&id=key&lang=language"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


def saved(folder: Path, form: str) -> Path:
    rows = datasets.Dataset.from_dict(ROWS)
    if form == "dataset":
        rows.save_to_disk(str(folder))
    elif form == "splits":
        other = datasets.Dataset.from_dict({"x": [1]})
        datasets.DatasetDict({"train": other, "mine": rows}).save_to_disk(str(folder))
    else:
        folder.mkdir()
        rows.to_parquet(str(folder / "train-00000.parquet"))
    return folder


@pytest.mark.parametrize(("form", "split"), [("dataset", ""), ("splits", "split=mine&"), ("parquet", "")])
def test_folders(form: str, split: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "set", form)
    assert list(read_input(f"hf://{folder}?{split}{COLUMNS}")) == EXPECTED


def test_as_an_input_of_the_stage(tmp_path: Path) -> None:
    folder = saved(tmp_path / "set", "dataset")
    settings = CorpusSettings(inputs=[f"hf://{folder}?{COLUMNS}"])
    first = build_corpus(settings, tmp_path / "out")
    assert list(read_passages(tmp_path / "out/passages.parquet")) == EXPECTED
    changed = datasets.Dataset.from_dict(ROWS | {"body": ["The wing lifts.", "Something else."]})
    changed.save_to_disk(str(tmp_path / "other"))
    folder.rename(tmp_path / "old")
    (tmp_path / "other").rename(folder)
    assert build_corpus(settings, tmp_path / "out").fingerprint != first.fingerprint


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("?title=head", "'head' is missing"),
        ("?text=body&title=head", "'head' is missing \\(there are: key, body, language\\)"),
        ("?text=body&id=body&lang=key&split=other", "no split 'other' \\(there are: train, mine\\)"),
        ("?column=body", "'column' is an unknown or empty option"),
        ("?text=", "'text' is an unknown or empty option"),
    ],
)
def test_mistakes_are_named(options: str, message: str, tmp_path: Path) -> None:
    folder = saved(tmp_path / "set", "splits" if "split" in options else "dataset")
    with pytest.raises(DramaError, match=message):
        list(read_input(f"hf://{folder}{options}"))


def test_ids_are_unique_and_texts_are_texts(tmp_path: Path) -> None:
    rows = datasets.Dataset.from_dict({"text": ["one", "two"], "id": ["a", "a"], "n": [1, 2]})
    rows.save_to_disk(str(tmp_path / "set"))
    with pytest.raises(DramaError, match="row 2: duplicate document id 'a'"):
        list(read_input(f"hf://{tmp_path}/set"))
    with pytest.raises(DramaError, match="row 1: field 'text' must be text, found int"):
        list(read_input(f"hf://{tmp_path}/set?text=n"))


def test_the_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(DramaError, match="owner/name: the dataset can't be read") as caught:
        list(read_input("hf://owner/name"))
    assert "reachable" in caught.value.hint
