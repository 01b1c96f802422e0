"""Every stage by the command line, on a small real model and a small corpus; then again; then broken."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

RunDrama = Callable[..., Any]


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory, tiny_llm: Path, small_collection: Path, run_drama: RunDrama
) -> Path:
    root = tmp_path_factory.mktemp("run")
    recipe = {
        "run": str(root / "out"),
        "corpus": {"inputs": [str(small_collection)]},
        "prune": {
            "parent": str(tiny_llm), "shape": {"layers": 2, "intermediate": 64},
            "recovery": {"steps": 3, "max_length": 16},
        },
        "augment": {
            "crop": {"per_document": 2, "min_words": 4},
            "synthesize": {"documents": 2, "llm": str(tiny_llm), "sampling": {"max_new_tokens": 4}},
            "label": {"retrievers": ["bm25", str(tiny_llm)], "depth": 8, "keep_vectors": True},
        },
        "train": {
            "steps": 6, "batch": {"size": 4}, "checkpoint_every": 2, "loss": {"distill": {"kl_weight": 0.5}},
            "retriever": {"dims": [16, 32], "max_length": 64},
        },
        "evaluate": {
            "models": ["bm25", "llm", "untrained", "student"], "collections": [str(small_collection)],
            "dims": [32], "fusion": {"models": ["student"]},
        },
        "search": {"queries": ["wings and lift"], "k": 2},
    }  # fmt: skip
    (root / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    done = run_drama("run", root / "recipe.yaml")
    assert done.code == 0, done.stderr
    assert "nDCG@10" in done.stdout
    assert "wings and lift" in done.stdout
    return root


def test_the_run_leaves_everything(ran: Path) -> None:
    out = ran / "out"
    results = json.loads((out / "evaluate/results.json").read_text())["results"]
    rows = {(r["model"], r["dim"]) for r in results}
    assert rows == {
        ("bm25", None), ("llm", 64), ("untrained", 64),
        ("student", 64), ("student", 32), ("student + bm25", 64),
    }  # fmt: skip
    for row in results:
        assert {"nDCG@10", "R@100", "RR@10"} <= set(row["metrics"])
        assert (out / "evaluate" / row["run"]).is_file()
    page = (out / "report.html").read_text()
    # bars and widths of the collection; loss and other curves of the recovery and of the training; heat maps
    assert page.count("<svg") == 18
    assert "wings and lift" in page


def test_a_second_run_does_nothing(ran: Path, run_drama: RunDrama) -> None:
    before = {p: p.stat().st_mtime_ns for p in (ran / "out").rglob("*.safetensors")}
    begin = time.monotonic()
    done = run_drama("run", ran / "recipe.yaml")
    assert done.code == 0
    assert done.stderr.count("unchanged, skipped") == 8
    assert before == {p: p.stat().st_mtime_ns for p in (ran / "out").rglob("*.safetensors")}
    assert time.monotonic() - begin < 120


def test_a_run_goes_on_by_its_folder_wherever_it_was_moved(
    ran: Path, run_drama: RunDrama, tmp_path: Path
) -> None:
    done = run_drama("run", ran / "out")
    assert done.code == 0, done.stderr
    assert done.stderr.count("unchanged, skipped") == 8
    moved = shutil.copytree(ran / "out", tmp_path / "moved")
    shutil.rmtree(moved / "search")
    before = (ran / "out/search/examples.json").read_bytes()
    done = run_drama("run", moved)
    assert done.code == 0, done.stderr
    skipped = {line.split(":")[0] for line in done.stderr.splitlines() if "unchanged, skipped" in line}
    assert skipped >= {"corpus", "prune", "augment", "train", "index"}
    assert json.loads((moved / "search/examples.json").read_bytes()) == json.loads(before)
    assert yaml.safe_load((moved / "recipe.yaml").read_text())["run"] == str(moved)
    assert run_drama("run", moved, "--set", "run=elsewhere").code == 2
    (tmp_path / "empty").mkdir()
    assert run_drama("run", tmp_path / "empty").code == 2


def test_a_change_redoes_only_what_reads_it(ran: Path, run_drama: RunDrama) -> None:
    done = run_drama("run", ran / "recipe.yaml", "--set", "evaluate.dims=[]", "--set", "search.k=1")
    assert done.code == 0, done.stderr
    skipped = {line.split(":")[0] for line in done.stderr.splitlines() if "unchanged, skipped" in line}
    assert skipped == {"corpus", "prune", "augment", "pseudo", "train", "index"}
    (example,) = json.loads((ran / "out/search/examples.json").read_text())
    assert len(example["hits"]) == 1


def test_encode_index_search_evaluate_by_hand(
    ran: Path, small_collection: Path, tmp_path: Path, run_drama: RunDrama
) -> None:
    model = ran / "out/train/model"
    assert run_drama("encode", model, small_collection, "--out", tmp_path / "i", "--dim", 32).code == 0
    assert run_drama("index", tmp_path / "i").stdout.strip().endswith("8 documents")
    found = json.loads(run_drama("search", tmp_path / "i", "bread and yeast", "-k", 3, "--json").stdout)
    assert [h["rank"] for h in found["hits"]] == [1, 2, 3]
    done = run_drama("evaluate", "bm25", small_collection, "--out", tmp_path / "results.json")
    assert done.code == 0, done.stderr
    row = json.loads((tmp_path / "results.json").read_text())["results"][0]
    assert (row["model"], row["collection"], row["split"], row["dim"]) == ("bm25", "small", "test", None)
    assert row["metrics"]["nDCG@10"] > 0.9


def broken(tmp_path: Path, small_collection: Path, file: str, content: str) -> Path:
    copy = tmp_path / "broken"
    (copy / "qrels").mkdir(parents=True)
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        (copy / name).write_text((small_collection / name).read_text())
    (copy / file).write_text(content)
    return copy


GOOD = '{"_id": "d0", "text": "good"}\n'


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("corpus.jsonl", GOOD + '{"_id": "d1", "text"\n', "corpus.jsonl, line 2: not valid JSON"),
        ("corpus.jsonl", GOOD + '{"_id": "d1"}\n', "line 2: 'text' is missing"),
        ("corpus.jsonl", GOOD + GOOD, "line 2: duplicate document id 'd0'"),
        ("corpus.jsonl", "", "the corpus is empty"),
        ("queries.jsonl", "[1]\n", "queries.jsonl, line 1: expected a JSON object"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq0\tnope\t1\n", "names document id 'nope'"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nnope\td0\t1\n", "names query id 'nope'"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq0\td0\tx\n", "line 2: score 'x' is not an integer"),
        ("qrels/test.tsv", "query-id\tcorpus-id\tscore\nq0 d0\n", "line 2: expected 3 columns"),
    ],
)
def test_a_broken_collection_is_named(
    file: str, content: str, message: str, tmp_path: Path, small_collection: Path
) -> None:
    from drama.errors import DramaError
    from drama.evaluate import EvaluateSettings, evaluate

    folder = broken(tmp_path, small_collection, file, content)
    chosen = EvaluateSettings(models=["bm25"], collections=[str(folder)])
    with pytest.raises(DramaError) as error:
        evaluate(chosen, tmp_path / "out")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "nowhere.yaml"], "nowhere.yaml: no such file"),
        (["run", "{recipe}", "--set", "train.step=3"], "did you mean 'steps'?"),
        (["run", "{recipe}", "--set", "prune.shape.hidden=9999"], "9999 is above the parent's 64"),
        (["run", "{recipe}", "--set", "evaluate.models=[student, studnet]"], "did you mean 'student'?"),
        (["evaluate", "smolm2-135m", "{collection}", "--out", "r.json"], "did you mean 'smollm2-135m'?"),
        (["evaluate", "bm25", "nowhere", "--out", "r.json"], "nowhere"),
        (["search", "nowhere", "a query"], "not an index"),
    ],
)
def test_mistakes_get_a_message_and_status_2(
    words: list[str], message: str, ran: Path, small_collection: Path, tmp_path: Path, run_drama: RunDrama
) -> None:
    places = {"{recipe}": str(ran / "recipe.yaml"), "{collection}": str(small_collection)}
    words = [places.get(w, w) for w in words]
    if "run" in words and "--set" in words:
        words += ["--set", f"run={tmp_path / 'run'}"]
    done = run_drama(*words, cwd=tmp_path)
    assert done.code == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
