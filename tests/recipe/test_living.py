"""A run after its first day: documents come and go, settings change, the folder moves."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from drama.records import read_passages
from drama.search import Index

RunDrama = Callable[..., Any]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "texts"
    folder.mkdir()
    for n in range(12):
        (folder / f"{n}.txt").write_text(
            f"The wing number {n} lifts the plane over the sea. Bees dance {n} times."
        )
    (folder / "long.txt").write_text(" ".join(f"The wing number {n} is long and white." for n in range(60)))
    return folder


@pytest.fixture
def run(tmp_path: Path, files: Path, bert: Path, run_drama: RunDrama) -> Path:
    values = {
        "run": str(tmp_path / "out"),
        "corpus": {"inputs": [str(files)], "languages": ["en"]},
        "prune": {"parent": str(bert), "method": "first", "shape": {"layers": 2}},
        "train": {"steps": 0, "retriever": {"query_prefix": "", "max_length": 64, "lexical": {"dims": 64}}},
        "search": {"queries": ["wings and lift"], "k": 2},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(values))
    done = run_drama("run", tmp_path / "mine.yaml")
    assert done.code == 0, done.stderr
    return tmp_path / "out"


def found(run: Path, query: str) -> list[str]:
    return [f.hit.document_id for f in Index.open(run / "index").search(query, 3)]


def test_an_update_reads_new_changed_and_deleted_documents(
    run: Path, files: Path, run_drama: RunDrama
) -> None:
    model = (run / "train/model/SHA256SUMS").read_bytes()
    none = run_drama("update", run)
    assert none.code == 0, none.stderr
    assert "0 new documents, 0 changed, 0 deleted, 13 as they were" in none.stderr
    (files / "new.txt").write_text("Honey is made by bees from nectar of flowers.")
    (files / "3.txt").write_text("Bread rises because yeast turns sugar into gas.")
    (files / "4.txt").unlink()
    done = run_drama("update", run)
    assert done.code == 0, done.stderr
    assert "1 new documents, 1 changed, 1 deleted, 11 as they were" in done.stderr
    assert found(run, "honey nectar flowers")[0] == "new.txt"
    assert found(run, "yeast sugar gas")[0] == "3.txt"
    assert "4.txt" not in {d.id for d in read_passages(run / "index/documents.parquet")}
    assert (run / "train/model/SHA256SUMS").read_bytes() == model
    assert "training again may be worth it" in done.stderr  # most words are new
    report = run_drama("report", run)
    assert "out of date" not in report.stdout


def test_an_update_finds_the_documents_elsewhere_and_names_new_languages(
    run: Path, files: Path, tmp_path: Path, run_drama: RunDrama
) -> None:
    elsewhere = tmp_path / "elsewhere/texts"
    elsewhere.parent.mkdir()
    files.rename(elsewhere)
    gone = run_drama("update", run)
    assert gone.code == 2
    assert "texts" in gone.stderr
    done = run_drama("update", run, elsewhere)
    assert done.code == 0, done.stderr
    assert "13 as they were" in done.stderr
    rows = "".join(f'{{"_id": "x{n}", "text": "Die Biene {n} tanzt.", "lang": "de"}}\n' for n in range(5))
    (elsewhere / "de.jsonl").write_text(rows)
    german = run_drama("update", run, elsewhere)
    assert "5 added documents are in de, which the corpus did not have" in " ".join(german.stderr.split())


def test_an_update_wants_a_finished_run(run: Path, tmp_path: Path, run_drama: RunDrama) -> None:
    assert "holds no recipe.yaml" in run_drama("update", tmp_path).stderr
    shutil.rmtree(run / "index")
    assert "its stage 'index' is not complete" in run_drama("update", run).stderr


def test_a_copy_reads_its_own_model(run: Path, tmp_path: Path, run_drama: RunDrama) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    shutil.rmtree(run / "train/model")
    assert found(copy, "wing")
    shutil.move(copy / "train", tmp_path / "model-elsewhere")
    lost = run_drama("search", copy / "index", "wing")
    assert lost.code == 2
    assert "name it with --model" in lost.stderr
    named = run_drama("search", copy / "index", "wing", "--model", tmp_path / "model-elsewhere/model")
    assert named.code == 0, named.stderr


def test_a_changed_setting_says_what_it_makes_anew(run: Path, tmp_path: Path, run_drama: RunDrama) -> None:
    same = run_drama("run", run)
    assert "changed:" not in same.stderr
    other = run_drama("run", tmp_path / "mine.yaml", "--set", "train.retriever.lexical.dims=32")
    said = " ".join(other.stderr.split())
    assert "changed: train.retriever.lexical.dims: 64 → 32. Made anew: train, index, search" in said
    assert "that took" in said
    assert "corpus" not in said.partition("Made anew")[2].partition(".")[0]


def test_runs_are_listed_and_cleaned(run: Path, tmp_path: Path, run_drama: RunDrama) -> None:
    earlier = run / "train/.previous/abc"
    earlier.mkdir(parents=True)
    (earlier / "weights").write_bytes(bytes(3_000_000))
    listed = run_drama("runs", tmp_path)
    assert listed.code == 0, listed.stderr
    (row,) = [line.split() for line in listed.stdout.splitlines() if line.strip().startswith("out")]
    assert "complete" in row
    assert row[-1] == "3"
    tried = run_drama("clean", run, "--dry-run")
    assert "3.0 MB would be freed" in tried.stdout
    assert earlier.is_dir()
    assert "3.0 MB freed" in run_drama("clean", run).stdout
    assert not (run / "train/.previous").exists()
    assert (run / "embeddings").is_dir()
    assert run_drama("clean", run, "--embeddings").code == 0
    assert not (run / "embeddings").exists()
    assert found(run, "wing")
    assert "holds no runs" in run_drama("runs", run).stderr
