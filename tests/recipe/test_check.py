"""A run is refused before its first stage, with the field that is wrong."""

import json
import os
import re
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from drama.errors import DramaError, FileError, MissingExtraError
from drama.files import writing
from drama.recipe import check as check_module
from drama.recipe import run_recipe
from drama.recipe.check import check
from drama.recipe.recipe import Recipe


@pytest.fixture
def values(tiny_llm: Path, tmp_path: Path) -> dict[str, Any]:
    """A recipe that passes."""
    judged = tmp_path / "judged"
    (judged / "qrels").mkdir(parents=True)
    (judged / "corpus.jsonl").write_text('{"_id": "d", "text": "one two"}\n')
    (judged / "queries.jsonl").write_text('{"_id": "q", "text": "one"}\n')
    (judged / "qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\td\t1\n")
    return {
        "run": str(tmp_path / "run"),
        "prune": {"parent": str(tiny_llm), "shape": {"layers": 2}},
        "augment": {"label": {"retrievers": ["bm25", str(tiny_llm)], "keep_vectors": True}},
        "train": {"loss": {"distill": {"kl_weight": 0.5}}, "retriever": {"dims": [16, 64]}},
        "index": {"dim": 16},
        "evaluate": {"models": ["bm25", "student"], "collections": [str(judged), "known-items"]},
    }


def changed(values: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(values))
    *sections, key = path.split(".")
    target = copy
    for section in sections:
        target = target.setdefault(section, {})
    target[key] = value
    return copy


def test_a_sound_recipe_passes(values: dict[str, Any]) -> None:
    check(Recipe.parse(values, ""))


def test_the_full_width_needs_no_mention(values: dict[str, Any]) -> None:
    check(Recipe.parse(changed(changed(values, "train.retriever.dims", []), "index.dim", 64), ""))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("prune.parent", "smolm2-135m", r"no model 'smolm2-135m'\n.*'smollm2-135m'"),
        ("prune.shape.hidden", 65, r"prune\.shape\.hidden: 65 is above the parent's 64"),
        ("prune.shape.heads", 3, r"prune\.shape\.heads: 3 query heads don't divide into 2 kv heads"),
        ("train.retriever.dims", [16, 128], r"dims: 128 is above the student's width 64"),
        ("prune.shape.hidden", 32, r"dims: 64 is above the student's width 32"),
        ("index.dim", 32, r"index\.dim: the student is not trained at 32"),
        ("augment.label.keep_vectors", False, r"train\.loss\.distill needs the labelling model's vectors"),
        ("augment.label.retrievers", ["bm25", "./nowhere"], r"\./nowhere: no such model folder"),
        ("augment.synthesize", {"documents": 1, "llm": "./nowhere"}, r"\./nowhere: no such model folder"),
        ("augment.supervised", {"collections": ["nowhere"]}, r"train\.tsv: no such split"),
        ("augment.supervised", {"split": "Test"}, r"a test split is for evaluation"),
        (
            "augment.mixture",
            {"sources": {"web": 1}},
            r"sources: 'web' is not among corpus\.inputs",
        ),
        ("augment.mixture", {"kinds": {"crop": 1}}, r"kinds: no kind 'crop'"),
        ("evaluate.models", ["bm25", "./nowhere"], r"\./nowhere: no such model folder"),
        ("evaluate.models", ["bm25", "studnet"], r"no model 'studnet'\n.*'student'"),
        ("evaluate.models", [], r"at least one model"),
        ("evaluate.models", ["bm25", "bm25"], r"evaluate\.models: 'bm25' is listed twice"),
        ("evaluate.fusion", {"models": ["llm"]}, r"fusion\.models: 'llm' is not a dense model"),
        ("evaluate.collections", ["nowhere"], r"nowhere: no such collection folder"),
        ("evaluate.split", "dev", r"dev\.tsv: no such split\n.*there are: test"),
        ("train.validation", {"collection": "nowhere"}, r"nowhere: no such collection folder"),
        ("train.leaks", {"collections": ["nowhere"]}, r"nowhere/qrels/test\.tsv: no such split"),
        ("corpus.inputs", ["other.jsonl"], r"'known-items' comes with the input 'python-docs' only"),
    ],
)
def test_a_mistake_is_found_before_anything_runs(
    values: dict[str, Any], path: str, value: Any, message: str, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(changed(values, path, value)))
    with pytest.raises(DramaError, match=message):
        run_recipe(recipe, [])
    assert not (tmp_path / "run").exists()


def test_a_missing_library_is_found_before_anything_runs(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for library, extra, path, value in [
        ("peft", "lora", "train.lora", {"rank": 4}),
        ("tensorboardX", "tensorboard", "train.tensorboard", True),
        ("datasets", "datasets", "corpus.inputs", ["python-docs", "hf://owner/name"]),
        ("ray", "ray", "augment.ray", {}),
    ]:
        if find_spec(library) is None:
            continue
        check(Recipe.parse(changed(values, path, value), ""))
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, library, None)
            with pytest.raises(MissingExtraError, match=rf"{library}.*\n.*\[{extra}\]"):
                check(Recipe.parse(changed(values, path, value), ""))


def test_validating_on_the_test_collection_is_told(
    values: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    judged = values["evaluate"]["collections"][0]
    check(Recipe.parse(changed(values, "train.validation", {"collection": judged, "split": "test"}), ""))
    assert "that evaluate.collections tests on" in " ".join(capfd.readouterr().err.split())


def test_what_takes_long_is_read_once_and_only_where_it_decides(
    values: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collection in two stages; and the teacher, whose width decides only whether other widths fit."""
    read, loaded = [], []
    real_read, real_load = check_module.Collection.read, check_module.load_encoder
    monkeypatch.setattr(check_module.Collection, "read", lambda *a: read.append(a) or real_read(*a))
    monkeypatch.setattr(check_module, "load_encoder", lambda name: loaded.append(name) or real_load(name))
    values = changed(values, "train.loss.distill.space", "teacher")
    judged = values["evaluate"]["collections"][0]
    values = changed(values, "train.validation", {"collection": judged, "split": "test"})
    check(Recipe.parse(values, ""))
    assert (len(read), len(loaded)) == (1, 1)
    check(Recipe.parse(changed(changed(values, "train.retriever.dims", []), "index.dim", None), ""))
    assert len(loaded) == 1


def test_an_llm_that_writes_nothing_is_not_fetched(values: dict[str, Any]) -> None:
    check(Recipe.parse(changed(values, "augment.synthesize", {"documents": 0, "llm": "./nowhere"}), ""))


def test_a_mixture_may_name_sources_that_documents_name(values: dict[str, Any], tmp_path: Path) -> None:
    mixed = changed(values, "augment.mixture", {"sources": {"web": 1}})
    corpus = tmp_path / "corpus.jsonl"
    for row, refused in (({"source": "web"}, False), ({}, True)):
        corpus.write_text(json.dumps({"_id": "d", "text": "one two", **row}))
        recipe = Recipe.parse(changed(mixed, "corpus.inputs", [str(corpus), "python-docs"]), "")
        if refused:
            with pytest.raises(DramaError, match=r"'web' is not among corpus\.inputs"):
                check(recipe)
        else:
            check(recipe)


def test_a_broken_judged_collection_is_found_before_anything_runs(
    values: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "judged/qrels/test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tother\t1\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(values))
    with pytest.raises(DramaError, match="names document id 'other'"):
        run_recipe(recipe, [])
    assert not (tmp_path / "run").exists()


def test_a_folder_that_no_run_made_is_refused_and_its_files_stay(
    values: dict[str, Any], tmp_path: Path
) -> None:
    recipe = tmp_path / "run/recipe.yaml"
    recipe.parent.mkdir()
    recipe.write_text(text := yaml.safe_dump(values))  # run: the folder of the recipe itself
    with pytest.raises(FileError, match=r"run: .* is not empty and holds no recipe.yaml of an earlier run"):
        run_recipe(recipe, [])
    assert {p.name: p.read_text() for p in recipe.parent.iterdir()} == {"recipe.yaml": text}


def test_a_second_run_is_refused_before_it_changes_anything(values: dict[str, Any], tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(changed(values, "evaluate", {})))
    refused: list[str] = []

    def second() -> None:
        try:
            run_recipe(recipe, [])
        except DramaError as error:
            refused.append(error.message)

    with writing(tmp_path / "run"):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
    assert len(refused) == 1
    assert re.search(rf"run: is being written by process {os.getpid()} on host .*, since ", refused[0])
    assert list((tmp_path / "run").iterdir()) == []
