"""`train.steps: 0`: an encoder becomes a retriever with a lexical branch, an index and results; untrained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from drama.errors import DramaError
from drama.records import read_passages
from drama.retriever import Retriever, load_encoder
from drama.search import Index
from drama.train import TrainSettings, train

LEXICAL = {"query_prefix": "", "max_length": 64, "lexical": {"dims": 64, "weight": 0.5}}


@pytest.fixture
def recipe(tmp_path: Path, bert: Path, small_collection: Path) -> Path:
    values = {
        "run": str(tmp_path / "out"),
        "corpus": {"inputs": [str(small_collection)]},
        "prune": {"parent": str(bert), "method": "first", "shape": {"layers": 2}},
        "train": {"steps": 0, "retriever": LEXICAL},
        "evaluate": {
            "models": ["bm25", "student"], "collections": [str(small_collection)],
            "fusion": {"models": ["student"]}, "smoothing": {"models": ["student"], "neighbours": 2},
        },
        "index": {"smoothing": {"neighbours": 2}},
        "search": {"queries": ["wings and lift"], "k": 2},
    }  # fmt: skip
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(values))
    return tmp_path / "recipe.yaml"


def test_from_corpus_to_index(
    recipe: Path, bert: Path, run_drama: Callable[..., Any], texts: list[str]
) -> None:
    done = run_drama("run", recipe)
    assert done.code == 0, done.stderr
    assert "augment: train.steps is 0, skipped" in done.stderr
    out = recipe.parent / "out"
    assert not (out / "augment").exists()
    rows = json.loads((out / "evaluate/results.json").read_text())["results"]
    names = ["bm25", "student", "student, smoothed", "student, smoothed + bm25"]
    assert [(row["model"], row["dim"]) for row in rows] == [(n, None if n == "bm25" else 96) for n in names]
    assert len({row["run"] for row in rows}) == 4
    student = load_encoder(out / "train/model")
    assert isinstance(student, Retriever)
    assert student.dims == (96, 32)
    half = load_encoder(out / "prune/model").encode_documents(texts)
    np.testing.assert_allclose(student.encode_documents(texts, 32), half, atol=1e-6)
    ids = {d.id for d in read_passages(out / "corpus/passages.parquet")}
    assert {f.document.id for f in Index.open(out / "index").search("yeast and sugar", 3)} <= ids
    before = (out / "train/model/SHA256SUMS").read_bytes()
    again = run_drama("run", recipe)
    assert again.code == 0
    assert (out / "train/model/SHA256SUMS").read_bytes() == before
    for seed, same in ((13, True), (14, False)):  # the directions are drawn by the seed
        assert run_drama("run", recipe, "--set", f"seed={seed}", "--set", f"run={out}-{seed}").code == 0
        other = Path(f"{out}-{seed}/train/model/lexical/model.safetensors").read_bytes()
        assert (other == (out / "train/model/lexical/model.safetensors").read_bytes()) == same


def test_long_documents_are_cut_as_the_student_reads_them(
    recipe: Path, run_drama: Callable[..., Any], tmp_path: Path
) -> None:
    values = yaml.safe_load(recipe.read_text())
    long = " ".join(f"The wing number {n} lifts the plane over the sea." for n in range(60))
    file = tmp_path / "own/long.txt"
    file.parent.mkdir()
    file.write_text(long)
    values["corpus"]["inputs"].append(str(file.parent))
    recipe.write_text(yaml.safe_dump(values))
    out = tmp_path / "out"
    done = run_drama("run", recipe, "--set", "evaluate.collections=[]")
    assert done.code == 0, done.stderr
    assert "1 documents are longer than 64 tokens: cut into" in " ".join(done.stderr.split())
    passages = [d for d in read_passages(out / "corpus/passages.parquet") if d.chunk_of]
    assert {d.chunk_of for d in passages} == {"own/long.txt"}
    student = load_encoder(out / "train/model")
    assert isinstance(student, Retriever)
    assert max(map(len, student.tokens([d.full_text for d in passages], "document", 1000))) <= 64
    found = Index.open(out / "index").search("wing number 51", 1)
    assert found[0].hit.document_id == "own/long.txt"
    assert "number 51" in found[0].document.text
    whole = run_drama("run", recipe, "--set", "evaluate.collections=[]", "--set", "corpus.chunk.tokens=null")
    assert whole.code == 0, whole.stderr
    assert not any(d.chunk_of for d in read_passages(out / "corpus/passages.parquet"))
    much = run_drama("run", recipe, "--set", "corpus.chunk.overlap=17")
    assert much.code != 0
    assert "overlap 17 is more than a quarter of tokens (64)" in much.stderr


def test_examples_that_nothing_learns_from_are_refused(bert: Path, tmp_path: Path) -> None:
    settings = TrainSettings.parse({"steps": 0}, "train")
    with pytest.raises(DramaError, match=r"train\.steps: 0 trains nothing"):
        train(settings, bert, tmp_path / "passages.parquet", tmp_path / "examples.parquet", tmp_path / "out")
