"""Two real processes train on one batch as one process does: the same losses, gradients and weights."""

import json
import os
import subprocess
import sys
from pathlib import Path
from runpy import run_path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from drama.compute import World
from drama.errors import DramaError
from drama.records import Document, Example, write_examples, write_passages
from drama.train import TrainSettings, train
from drama.train.batches.settings import BatchSettings
from drama.train.phases import Phase, TrainData
from drama.train.settings import ComputeSettings, PhaseSettings
from drama.train.trainer import Trainer
from drama.workspace import read_events, read_manifest, write_vectors

SCRIPT = Path(__file__).with_name("train_cases.py")
first_gradients = run_path(str(SCRIPT))["first_gradients"]

TEACHER_SPACE = {
    "optimiser": {"embedding_learning_rate": 1e-3}, "compute": {"kept_tokens": 40, "chunk_tokens": 64},
    "retriever": {"dims": [4]},
    "loss": {"distill": {"space": "teacher", "embedding_weight": 2.0, "corpus_weight": 1.0}},
}  # fmt: skip
BEST = {"share": 0.3, "every": 2, "keep": "best", "measure": "loss"}
SHARD = {"compute": {"shard": True}}
CASES: dict[str, dict[str, Any]] = {
    "plain": {"batch": {"negatives": 2}},
    "validated": {"validation": BEST},
    "embeddings, cached, teacher's space": TEACHER_SPACE,
    "all terms": {
        "loss": {
            "directions": [
                "query_to_document", "document_to_query", "query_to_query", "document_to_document",
            ],
            "temperature_learning_rate": 0.01,
            "distill": {"margin_weight": 1.0, "scores_weight": 0.5},
        },
    },
    "projected": {"loss": {"distill": {"kl_weight": 0.5, "embedding_weight": 2.0}}},
    "sharded": {**SHARD, "batch": {"negatives": 2}},
    "sharded, cached, teacher's space": {
        **TEACHER_SPACE, "compute": {"shard": True, "kept_tokens": 40, "chunk_tokens": 64},
    },
    "sharded, phases, averaged, measured": {
        **SHARD, "optimiser": {"embedding_learning_rate": 1e-3}, "checkpoint_every": 2, "average": 2,
        "phases": [
            {"share": 0.5, "batch": {"negatives": 0}}, {"share": 0.5, "optimiser": {"learning_rate": 2e-3}},
        ],
        "validation": {**BEST, "keep": "last"},
    },
    "sharded, LoRA, best, checkpointed": {
        "compute": {"shard": True, "gradient_checkpointing": True}, "lora": {"rank": 4}, "validation": BEST,
    },
}  # fmt: skip


def completed(case: dict[str, Any]) -> dict[str, Any]:
    """The keys of a case over those that all cases share."""
    base: dict[str, dict[str, Any]] = {
        "batch": {"size": 6}, "optimiser": {"learning_rate": 1e-3}, "compute": {"precision": "fp32"},
    }  # fmt: skip
    return {"steps": 6, **case, **{name: {**keys, **case.get(name, {})} for name, keys in base.items()}}


@pytest.fixture(scope="module")
def folder(tiny_llm: Path, texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every case as two processes have trained it, in `two/`, next to the inputs."""
    folder = tmp_path_factory.mktemp("world")
    write_passages(folder / "p.parquet", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    rows = [
        Example(
            f"e{i}", t[:20], [f"d{i}", f"d{(i + 4) % 8}"], [f"d{(i + k) % 8}" for k in (1, 2, 3)],
            [0.9, 0.7], [0.3, 0.2, 0.1], "sent",
            origin=f"d{i}",
        )
        for i, t in enumerate(texts)
    ]  # fmt: skip
    write_examples(folder / "e.parquet", rows)
    vectors = np.random.default_rng(0).normal(size=(len(texts), 6))
    for part, ids in (("queries", [r.id for r in rows]), ("documents", [f"d{i}" for i in range(8)])):
        write_vectors(folder / "teacher" / part, 6, "float32", [(ids, vectors)])
    (folder / "cases.json").write_text(json.dumps({name: completed(case) for name, case in CASES.items()}))
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [str(SCRIPT), str(folder), str(tiny_llm)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_two_processes_equal_one(tiny_llm: Path, folder: Path, name: str) -> None:
    values = completed(CASES[name])
    values["compute"] |= {"shard": False}
    settings = TrainSettings.parse(values, "train")
    out = folder / "one" / name
    with first_gradients(folder / f"one {name}.safetensors"):
        train(settings, tiny_llm, folder / "p.parquet", folder / "e.parquet", out, 0, folder / "teacher")
    one, two = (read_events(folder / n / name / "events.jsonl") for n in ("one", "two"))
    assert len(one) == len(two) == 6
    for key in ("loss", "gradient_norm", "tokens"):
        np.testing.assert_allclose([e[key] for e in two], [e[key] for e in one], rtol=1e-3, err_msg=key)
    for alone, shared in zip(one, two, strict=True):
        assert alone.get("held_out", {}) == pytest.approx(shared.get("held_out", {}), rel=1e-3)
    gradients = [load_file(folder / f"{n} {name}.safetensors") for n in ("one", "two")]
    assert gradients[0].keys() == gradients[1].keys()
    for place, gradient in gradients[0].items():
        assert (gradients[1][place] - gradient).norm() <= 1e-5 * gradient.norm(), place
    expected, got = (load_file(folder / n / name / "model/model.safetensors") for n in ("one", "two"))
    assert expected.keys() == got.keys()
    for weight, tensor in expected.items():
        torch.testing.assert_close(got[weight], tensor, atol=2e-4, rtol=1e-3, msg=weight)
    one_manifest, two_manifest = (read_manifest(folder / n / name) for n in ("one", "two"))
    assert two_manifest.status == "complete"
    for figure in ("best_step", "averaged"):
        assert one_manifest.figures.get(figure) == two_manifest.figures.get(figure)


@pytest.mark.slow
def test_two_processes_repeat_their_run(folder: Path) -> None:
    assert json.loads((folder / "replay.json").read_text()) == [6, None, True, []]


@given(st.lists(st.integers(1, 500), min_size=2, max_size=60), st.integers(1, 7))
def test_every_text_has_one_process_and_shares_are_even(lengths: list[int], size: int) -> None:
    shares = World(size=size).share(lengths)
    assert sorted(row for rows in shares for row in rows) == list(range(len(lengths)))
    loads = [sum(lengths[row] for row in rows) for rows in shares]
    assert max(loads) - min(loads) <= max(lengths)


def test_a_batch_below_the_number_of_processes_is_refused() -> None:
    phase = Phase(0, 1, PhaseSettings(batch=BatchSettings(size=2)), TrainData([], [], {}))
    with pytest.raises(DramaError, match="below the 3 processes"):
        Trainer(None, phase, ComputeSettings(), None, 0, World(0, 3))  # type: ignore[arg-type]
