"""Two real processes, killed on the way, learn masks and recover as one process does."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from drama.cli import _app
from drama.compute import World
from drama.errors import DramaError
from drama.prune.learn.domains import Domain, Mixture
from drama.prune.learn.recover import Recovery
from drama.prune.learn.settings import DomainSettings, RecoverySettings
from drama.prune.learn.updates import Log, update
from drama.workspace import read_events

SETTINGS = (
    "shearing.steps=6", "shearing.micro_batch=1", "shearing.checkpoint_every=3",
    "recovery.hidden_weight=0.5", "recovery.max_length=32", "recovery.checkpoint_every=4",
    "shearing.shares_every=3", "recovery.shares_every=3", "domains.held_out_rows=1",
)  # fmt: skip

KILLED = """
import os, signal
from drama.cli import main
from drama.prune.methods.shearing.learn import MaskLearner

real = MaskLearner.backward

def backward(self, rows_BL, step):
    if step == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(self, rows_BL, step)

MaskLearner.backward = backward
main()
"""

LEFT = """
import atexit, os, sys
from pathlib import Path
from drama.cli import main

def check():
    names = [(task / "comm").read_text() for task in Path("/proc/self/task").glob("*")]
    if any("gloo" in name for name in names):
        print("the group's threads are still there at exit", file=sys.stderr, flush=True)
        os._exit(3)

atexit.register(check)
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("size", "switches"), [(3, []), (4, ["shard=true"])], ids=["whole", "sharded"])
def test_two_processes_equal_one(
    tiny_llm: Path, texts: list[str], tmp_path: Path, size: int, switches: list[str]
) -> None:
    source = tmp_path / "texts.jsonl"
    rows = [
        {"_id": str(i), "text": " ".join(texts[i:] + texts[:i]), "lang": "en" if i < 4 else "fi"}
        for i in range(8)
    ]
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "killed.py").write_text(KILLED)
    (tmp_path / "left.py").write_text(LEFT)
    last = ["-m", "drama.cli"] if switches else [str(tmp_path / "left.py")]  # DTensor keeps its group
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    for out, start in (
        ("1", []),
        ("2", [*torchrun, str(tmp_path / "killed.py")]),
        ("2", [*torchrun, *last]),
    ):
        command = ["prune", str(tiny_llm), "--data", str(source)]
        command += ["--out", str(tmp_path / out), "--method", "shearing", "--layers", "3"]
        command += ["--hidden", "48", "--intermediate", "64", "--recovery-steps", "6"]
        own = [*SETTINGS, f"shearing.batch_size={size}", f"recovery.batch_size={size}"]
        own += switches if out == "2" else []
        command += [word for setting in own for word in ("--set", setting)]
        if out == "1":
            assert CliRunner().invoke(_app(), command, catch_exceptions=False).exit_code == 0
            continue
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, *start, *command]
        done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
        killed = "killed.py" in start[-1]
        assert (done.returncode != 0) == killed, done.stderr
        assert (tmp_path / out / "prune/model").is_dir() != killed
    assert "shearing resumes after step 3" in done.stderr
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
    assert {row["name"] for row in manifest["figures"]["perplexity_by_language"]} == {"en", "fi"}


@pytest.mark.parametrize(
    ("size", "split", "wrong"), [(2, False, "is below"), (4, True, "is not a multiple of")]
)
def test_rows_that_do_not_go_round_are_refused(tmp_path: Path, size: int, split: bool, wrong: str) -> None:
    settings = RecoverySettings(steps=1, batch_size=size)
    learner = Recovery(torch.nn.Linear(2, 2), None, settings, World(0, 3))
    learner.sharded = split
    rows_RL = torch.zeros(4, 8, dtype=torch.long)
    mixture = Mixture([Domain("en", rows_RL, rows_RL)], DomainSettings(), {})
    log = Log(tmp_path / "events.jsonl", tmp_path / "checkpoints", 0)
    with pytest.raises(DramaError, match=rf"prune\.recovery\.batch_size: {size} {wrong} the 3 processes"):
        update(learner, mixture, log, seed=0)
