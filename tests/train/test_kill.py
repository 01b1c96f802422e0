"""A real kill -9 in the middle of training: the same command ends with the same weights."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from drama.records import Document, Example, write_examples, write_passages

VALIDATED = ["validation.share=0.25", "validation.every=3", "validation.keep=best", "validation.measure=loss"]
PHASES = ["phases=[{share: 0.1, negatives: 0}, {share: 0.9}]", "average=2", "embedding_learning_rate=1e-3"]
WAYS = {"one process": (1, VALIDATED), "split layers, phases": (2, ["shard=true", *PHASES])}


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_kill_minus_nine(tiny_llm: Path, texts: list[str], tmp_path: Path, way: str) -> None:
    write_passages(tmp_path / "p.parquet", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    rows = [
        Example(
            f"e{i}", t[:20], [f"d{i}"], [f"d{i - 1}" if i else "d7"], [1.0], [0.0], "sent", origin=f"d{i}"
        )
        for i, t in enumerate(texts)
    ]
    write_examples(tmp_path / "e.parquet", rows)
    processes, switches = WAYS[way]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def command(out: str) -> list[str]:
        words: list[object] = [sys.executable, "-m"]
        if processes > 1:
            words += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
        words += ["drama.cli", "train", tiny_llm, "--passages", tmp_path / "p.parquet"]
        words += ["--examples", tmp_path / "e.parquet", "--out", tmp_path / out]
        words += ["--steps", 40, "--batch-size", 4]
        words += [w for switch in ["checkpoint_every=5", *switches] for w in ("--set", switch)]
        return [str(w) for w in words]

    def finish(out: str) -> str:
        done = subprocess.run(command(out), capture_output=True, text=True, timeout=240, env=environment)
        assert done.returncode == 0, done.stderr
        return done.stderr

    finish("whole")
    process = subprocess.Popen(
        command("cut"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    )
    events = tmp_path / "cut/events.jsonl"
    deadline = time.monotonic() + 240
    while not (events.is_file() and events.read_text().count("\n") >= 12):
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    subprocess.run(["pkill", "-KILL", "-f", str(tmp_path / "cut")], check=True)  # torchrun's children too
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "cut/model").exists()
    assert "going on after step" in finish("cut")
    whole, cut = (load_file(tmp_path / d / "model/model.safetensors") for d in ("whole", "cut"))
    assert all(torch.equal(tensor, cut[name]) for name, tensor in whole.items())
