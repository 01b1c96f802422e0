"""A real kill -9 in every stage of a run: the same command goes on, and ends with the same results."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

STAGES = ("corpus", "prune", "augment", "train", "evaluate", "index")


def recipe(root: Path, llm: Path, judged: Path) -> Path:
    values = {
        "run": str(root / "out"),
        "corpus": {"inputs": [str(judged)]},
        "prune": {
            "parent": str(llm), "shape": {"layers": 2, "intermediate": 64},
            "recovery": {"steps": 12, "batch_size": 2, "max_length": 16, "checkpoint_every": 2},
        },
        "augment": {
            "crop": {"per_document": 2, "min_words": 4},
            "synthesize": {
                "documents": 6, "llm": str(llm), "batch_size": 2, "sampling": {"max_new_tokens": 4},
            },
            "label": {"retrievers": ["bm25", str(llm)], "depth": 8, "keep_vectors": True},
        },
        "train": {
            "steps": 20, "batch": {"size": 4}, "checkpoint_every": 2,
            "loss": {"distill": {"space": "teacher"}},
            "retriever": {"dims": [16, 32], "max_length": 64},
        },
        "evaluate": {"models": ["bm25", "student"], "collections": [str(judged)]},
    }  # fmt: skip
    path = root / "recipe.yaml"
    root.mkdir()
    path.write_text(yaml.safe_dump(values))
    return path


def command(path: Path) -> list[str]:
    return [sys.executable, "-m", "drama.cli", "run", str(path)]


def status(stage: Path) -> str | None:
    manifest = stage / "manifest.json"
    return json.loads(manifest.read_text())["status"] if manifest.is_file() else None


def kill_inside(path: Path, stage: Path) -> bool:
    """Start the run, kill it as soon as the stage is at work; whether it still was."""
    process = subprocess.Popen(command(path), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while status(stage) is None:
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return status(stage) == "running"


def metrics(out: Path) -> list[object]:
    results = json.loads((out / "evaluate/results.json").read_text())["results"]
    return [(r["model"], r["dim"], r["metrics"]) for r in results]


@pytest.mark.slow
def test_kill_minus_nine_in_every_stage(tiny_llm: Path, small_collection: Path, tmp_path: Path) -> None:
    whole, cut = (recipe(tmp_path / name, tiny_llm, small_collection) for name in ("whole", "cut"))
    subprocess.run(command(whole), check=True, capture_output=True, timeout=200)
    inside = [kill_inside(cut, cut.parent / "out" / stage) for stage in STAGES]
    assert sum(inside) >= len(STAGES) - 2, "most kills must have hit a stage at work"
    subprocess.run(command(cut), check=True, capture_output=True, timeout=200)
    first, second = whole.parent / "out", cut.parent / "out"
    for model in ("prune/model", "train/model"):
        expected, got = (load_file(out / model / "model.safetensors") for out in (first, second))
        assert all(torch.equal(tensor, got[name]) for name, tensor in expected.items())
    assert metrics(first) == metrics(second)
    assert {s: status(second / s) for s in STAGES} == dict.fromkeys(STAGES, "complete")
    shutil.rmtree(tmp_path)
