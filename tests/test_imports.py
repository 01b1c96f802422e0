"""What needs no neural network loads none: torch takes seconds, and a misspelt name should take none."""

import json
import subprocess
import sys
from pathlib import Path

_SCRIPT = """
import contextlib, importlib, json, sys

def torch_free(what):
    loaded = [name for name in ("torch", "transformers") if name in sys.modules]
    assert not loaded, f"{what} loads {loaded}"

for module in json.loads(sys.argv[1]):
    importlib.import_module(module)
    torch_free(f"import {module}")
from drama.cli import main
for words, status in json.loads(sys.argv[2]):
    sys.argv = ["drama", *words]
    with contextlib.redirect_stdout(sys.stderr):
        try:
            main()
            found = 0
        except SystemExit as stop:
            found = stop.code or 0
    assert found == status, (words, found)
    torch_free(" ".join(sys.argv))
"""

_MODULES = [
    "drama", "drama.cli", "drama.workspace", "drama.records.measures", "drama.language", "drama.models",
    "drama.compute", "drama.corpus", "drama.llm", "drama.retriever", "drama.search", "drama.evaluate",
    "drama.report", "drama.prune", "drama.augment", "drama.train", "drama.recipe",
]  # fmt: skip


def test_torch_is_loaded_only_for_models(tmp_path: Path) -> None:
    judged = tmp_path / "judged"
    (judged / "qrels").mkdir(parents=True)
    (judged / "corpus.jsonl").write_text('{"_id": "d", "text": "one two"}\n')
    (judged / "queries.jsonl").write_text('{"_id": "q", "text": "one"}\n')
    (judged / "qrels/test.tsv").write_text("q\td\t1\n")
    (tmp_path / "recipe.yaml").write_text("run: there\ntrain: {stepps: 3}\n")
    commands = [
        (["--help"], 0),
        (["run", str(tmp_path / "nowhere.yaml")], 2),
        (["run", str(tmp_path / "recipe.yaml")], 2),
        (["search", str(tmp_path), "a query"], 2),
        (["index", str(tmp_path)], 2),
        (["encode", "smolm2-135m", str(judged), "--out", str(tmp_path / "index")], 2),
        (["evaluate", "smolm2-135m", str(judged), "--out", str(tmp_path / "results.json")], 2),
        (["evaluate", "bm25", str(judged), "--out", str(tmp_path / "results.json")], 0),
    ]
    words = [sys.executable, "-c", _SCRIPT, json.dumps(_MODULES), json.dumps(commands)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
