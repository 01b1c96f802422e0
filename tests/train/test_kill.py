"""A real kill -9 in the middle of training: the same command ends with the same weights."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from drama.records import Document, Example, write_examples, write_passages


def test_kill_minus_nine(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    write_passages(tmp_path / "p.parquet", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    rows = [
        Example(
            f"e{i}", t[:20], [f"d{i}"], [f"d{i - 1}" if i else "d7"], [1.0], [0.0], "sent", origin=f"d{i}"
        )
        for i, t in enumerate(texts)
    ]
    write_examples(tmp_path / "e.parquet", rows)

    def command(out: str) -> list[str]:
        words = [
            "train",
            tiny_llm,
            "--passages",
            tmp_path / "p.parquet",
            "--examples",
            tmp_path / "e.parquet",
        ]
        words += ["--out", tmp_path / out, "--steps", 60, "--batch-size", 4, "--set", "checkpoint_every=5"]
        words += ["--set", "validation.share=0.25", "--set", "validation.every=3"]
        words += ["--set", "validation.keep=best", "--set", "validation.measure=loss"]
        return [sys.executable, "-m", "drama.cli", *map(str, words)]

    subprocess.run(command("whole"), check=True, capture_output=True, timeout=120)
    process = subprocess.Popen(command("cut"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    events = tmp_path / "cut/events.jsonl"
    deadline = time.monotonic() + 120
    while not (events.is_file() and events.read_text().count("\n") >= 12):
        assert process.poll() is None, "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "cut/model").exists()
    done = subprocess.run(command("cut"), check=True, capture_output=True, text=True, timeout=120)
    assert "going on after step" in done.stderr
    whole, cut = (load_file(tmp_path / d / "model/model.safetensors") for d in ("whole", "cut"))
    assert all(torch.equal(tensor, cut[name]) for name, tensor in whole.items())
