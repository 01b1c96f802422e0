"""`kill -9` of all processes of a distributed training at a file operation: it ends with the same weights."""

import random
import signal
import socket
from pathlib import Path

import pytest
from harness.command import Ended
from harness.outputs import differences, outputs
from harness.stages import sets
from harness.trial import Trials

PHASES = sets(
    "phases=[{share: 0.1, batch: {negatives: 0}}, {share: 0.9}]", "average=2", "compute.shard=true",
    "optimiser.embedding_learning_rate=1e-3", "checkpoint_every=4", "batch.document_length=32",
)  # fmt: skip


def train(trials: Trials, out: Path, at: int | None = None) -> list[Ended]:
    """The processes that torchrun would start, in one process group."""
    world = trials.world.root
    words = ["train", trials.world.llm, "--passages", world / "corpus/passages.parquet", "--out", out]
    words += ["--examples", world / "augment/examples.parquet", "--steps", 20, "--batch-size", 4, *PHASES]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = 0
    running = []
    for rank in range(2):
        env = {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2"}
        env |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        running.append(trials.first.start(words, out, at=at if rank == 0 else None, env=env, group=group))
        group = running[0].pid
    return [one.end() for one in running]


@pytest.mark.slow
@pytest.mark.timeout(900)  # it may start the servers
def test_kill_minus_nine_of_two_processes(trials: Trials) -> None:
    out = trials.root / "two/out"
    whole = train(trials, out)
    assert [one.code for one in whole] == [0, 0], whole
    expected, points = outputs(out), whole[0].points
    assert points
    resumed = 0
    for seed in range(3):
        for file in sorted(out.rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        at = random.Random(seed).randint(points // 5, points // 2)  # in the midst: both are at work
        assert [one.code for one in train(trials, out, at)] == [-signal.SIGKILL] * 2
        ended = train(trials, out)
        assert [one.code for one in ended] == [0, 0], ended
        assert differences(expected, outputs(out)) == [], f"point {at} of {points}"
        resumed += "resuming after step" in ended[0].stderr
    assert resumed
