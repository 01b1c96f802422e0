"""Two real processes train on one batch as one process does: the same losses, the same weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from drama.errors import DramaError
from drama.records import Document, Example, write_examples, write_passages
from drama.train.settings import TrainSettings
from drama.train.trainer import TrainData, Trainer
from drama.train.world import World
from drama.workspace import VectorWriter, read_events

SWITCHES = {
    "plain": ["negatives=2"],
    "validated": [
        "validation.share=0.3", "validation.every=2", "validation.keep=best", "validation.measure=loss",
    ],
    "embeddings, cached, teacher's space": [
        "embedding_learning_rate=1e-3", "kept_tokens=40", "chunk_tokens=64", "retriever.dims=[4]",
        "distill.space=teacher", "distill.embedding_weight=2.0", "distill.corpus_weight=1.0",
    ],
    "all terms": [
        "temperature_learning_rate=0.01", "positives=2", "query_query=true", "document_document=true",
        "distill.margin_weight=1.0",
    ],
    "sharded": ["shard=true", "negatives=2"],
    "sharded, cached, teacher's space": [
        "shard=true", "embedding_learning_rate=1e-3", "kept_tokens=40", "chunk_tokens=64",
        "retriever.dims=[4]",
        "distill.space=teacher", "distill.embedding_weight=2.0", "distill.corpus_weight=1.0",
    ],
    "projected": ["distill.kl_weight=0.5", "distill.embedding_weight=2.0"],
}  # fmt: skip


@pytest.mark.parametrize("name", SWITCHES)
def test_two_processes_equal_one(tiny_llm: Path, texts: list[str], tmp_path: Path, name: str) -> None:
    write_passages(tmp_path / "p.parquet", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    rows = [
        Example(
            f"e{i}", t[:20], [f"d{i}", f"d{(i + 4) % 8}"], [f"d{(i + k) % 8}" for k in (1, 2, 3)], [], [],
            "sent",
            origin=f"d{i}",
        )
        for i, t in enumerate(texts)
    ]  # fmt: skip
    write_examples(tmp_path / "e.parquet", rows)
    vectors = np.random.default_rng(0).normal(size=(len(texts), 6))
    for part, ids in (("queries", [r.id for r in rows]), ("documents", [f"d{i}" for i in range(8)])):
        VectorWriter(tmp_path / "teacher" / part, 6, "float32", {}).write(0, ids, vectors)
    for processes in (1, 2):
        command = [sys.executable, "-m"]
        if processes > 1:
            command += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
        command += ["drama.cli", "train", str(tiny_llm), "--passages", str(tmp_path / "p.parquet")]
        command += ["--examples", str(tmp_path / "e.parquet"), "--out", str(tmp_path / str(processes))]
        command += ["--steps", "6", "--batch-size", "6", "--set", "precision=fp32"]
        command += ["--set", "learning_rate=1e-3", "--teacher", str(tmp_path / "teacher")]
        switches = [s for s in SWITCHES[name] if processes > 1 or not s.startswith("shard")]
        command += [word for switch in switches for word in ("--set", switch)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment)
        assert done.returncode == 0, done.stderr
    one, two = (read_events(tmp_path / n / "events.jsonl") for n in "12")
    assert len(one) == len(two) == 6
    for key in ("loss", "gradient_norm", "tokens"):
        np.testing.assert_allclose([e[key] for e in two], [e[key] for e in one], rtol=1e-3, err_msg=key)
    for alone, shared in zip(one, two, strict=True):
        assert alone.get("held_out", {}) == pytest.approx(shared.get("held_out", {}), rel=1e-3)
    expected, got = (load_file(tmp_path / n / "model/model.safetensors") for n in "12")
    for weight, tensor in expected.items():
        torch.testing.assert_close(got[weight], tensor, atol=2e-4, rtol=1e-3, msg=weight)
    assert json.loads((tmp_path / "2/manifest.json").read_text())["status"] == "complete"


@given(st.lists(st.integers(1, 500), min_size=2, max_size=60), st.integers(1, 7))
def test_every_text_has_one_process_and_shares_are_even(lengths: list[int], size: int) -> None:
    shares = World(size=size).share(lengths)
    assert sorted(row for rows in shares for row in rows) == list(range(len(lengths)))
    loads = [sum(lengths[row] for row in rows) for rows in shares]
    assert max(loads) - min(loads) <= max(lengths)


def test_a_batch_below_the_number_of_processes_is_refused() -> None:
    settings = TrainSettings(batch_size=2)
    with pytest.raises(DramaError, match="below the 3 processes"):
        Trainer(None, TrainData([], [], {}, None), settings, 0, World(0, 3))  # type: ignore[arg-type]
