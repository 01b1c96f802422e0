"""Two real processes learn masks and recover as one process does: the same masks, losses and weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from drama.errors import DramaError
from drama.prune.domains import Domain, Mixture
from drama.prune.recover import Recovery
from drama.prune.settings import DomainSettings, RecoverySettings
from drama.prune.updates import Log, update
from drama.prune.world import World
from drama.workspace import read_events

SETTINGS = (
    "shearing.steps=6", "shearing.batch_size=3", "shearing.micro_batch=1", "shearing.checkpoint_every=4",
    "recovery.batch_size=3", "recovery.max_length=32", "recovery.checkpoint_every=4",
    "domains.update_every=3", "domains.held_out_rows=1",
)  # fmt: skip


def test_two_processes_equal_one(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    source = tmp_path / "texts.jsonl"
    rows = [
        {"_id": str(i), "text": " ".join(texts[i:] + texts[:i]), "lang": "en" if i < 4 else "fi"}
        for i in range(8)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    for processes in (1, 2):
        command = [sys.executable, "-m"]
        if processes > 1:
            command += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
        command += ["drama.cli", "prune", str(tiny_llm), "--data", str(source)]
        command += ["--out", str(tmp_path / str(processes)), "--method", "shearing", "--layers", "3"]
        command += ["--hidden", "48", "--intermediate", "64", "--recovery-steps", "6"]
        command += [word for setting in SETTINGS for word in ("--set", setting)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
        assert done.returncode == 0, done.stderr
    folders = [tmp_path / n / "prune" for n in "12"]
    one, two = (read_events(folder / "events.jsonl") for folder in folders)
    assert [e["step"] for e in two] == list(range(1, 13))
    for alone, shared in zip(one, two, strict=True):
        assert alone.keys() == shared.keys()
        for key in ("loss", "lm_loss", "gradient_norm"):
            assert shared[key] == pytest.approx(alone[key], rel=1e-3), key
        for key in ("sparsity", "domain_losses", "domain_shares"):
            assert shared.get(key, {}) == pytest.approx(alone.get(key, {}), rel=1e-3), key
    assert sum("domain_losses" in e for e in two) == 4
    for file in ("round-1/scores.safetensors", "model/model.safetensors"):
        expected, got = (load_file(folder / file) for folder in folders)
        for name, tensor in expected.items():
            torch.testing.assert_close(got[name], tensor, atol=2e-4, rtol=1e-3, msg=name)
    plans = [json.loads((folder / "round-1/plan.json").read_text()) for folder in folders]
    assert plans[0] == plans[1]
    manifest = json.loads((folders[1] / "manifest.json").read_text())
    assert manifest["status"] == "complete"
    assert {row["name"] for row in manifest["figures"]["languages"]} == {"en", "fi"}


def test_more_processes_than_rows_are_refused(tmp_path: Path) -> None:
    learner = Recovery(torch.nn.Linear(2, 2), None, RecoverySettings(steps=1, batch_size=2), World(0, 3))
    rows_RL = torch.zeros(4, 8, dtype=torch.long)
    mixture = Mixture([Domain("en", rows_RL, rows_RL)], DomainSettings(), {})
    log = Log(tmp_path / "events.jsonl", tmp_path / "checkpoints", 0)
    with pytest.raises(DramaError, match=r"prune\.recovery\.batch_size: 2 is below the 3 processes"):
        update(learner, mixture, learner.settings, log, seed=0)
