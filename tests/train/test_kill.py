"""A real kill -9 in the middle of training: the same command ends with the same weights."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from drama.records import Document, Example, write_examples, write_passages

VALIDATED = ["validation.share=0.25", "validation.every=3", "validation.keep=best", "validation.measure=loss"]
PHASES = [
    "phases=[{share: 0.1, batch: {negatives: 0}}, {share: 0.9}]", "average=2",
    "optimiser.embedding_learning_rate=1e-3",
]  # fmt: skip
WAYS = {"one process": (1, VALIDATED), "sharded layers, phases": (2, ["compute.shard=true", *PHASES])}


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

    def start(out: str) -> list[subprocess.Popen[str]]:
        """The processes that torchrun would start, here in one process group."""
        words: list[object] = [sys.executable, "-m", "drama.cli", "train", tiny_llm]
        words += ["--passages", tmp_path / "p.parquet", "--examples", tmp_path / "e.parquet"]
        words += ["--out", tmp_path / out, "--steps", 40, "--batch-size", 4]
        words += [w for switch in ["checkpoint_every=5", *switches] for w in ("--set", switch)]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        started: list[subprocess.Popen[str]] = []
        for rank in range(processes):
            world = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": processes}
            world |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
            environment = os.environ | {"OMP_NUM_THREADS": "1"} | {k: str(v) for k, v in world.items()}
            started.append(
                subprocess.Popen(
                    [str(word) for word in words],
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
                    process_group=started[0].pid if started else 0,
                )
            )  # fmt: skip
        return started

    def finish(out: str) -> str:
        messages = [(p.communicate(timeout=240)[1], p.returncode) for p in start(out)]
        assert all(code == 0 for _, code in messages), messages
        return messages[0][0]

    finish("whole")
    running = start("cut")
    events = tmp_path / "cut/events.jsonl"
    deadline = time.monotonic() + 240
    while not (events.is_file() and events.read_text().count("\n") >= 12):
        assert all(p.poll() is None for p in running), "ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(running[0].pid, signal.SIGKILL)
    for process in running:
        process.communicate()
    assert all(process.returncode == -signal.SIGKILL for process in running)
    assert not (tmp_path / "cut/model").exists()
    assert "resuming after step" in finish("cut")
    whole, cut = (load_file(tmp_path / d / "model/model.safetensors") for d in ("whole", "cut"))
    assert all(torch.equal(tensor, cut[name]) for name, tensor in whole.items())
