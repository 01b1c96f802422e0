"""Three real kills -9 while queries are written: a fourth start ends with the same rows and asks the rest."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch

from drama.augment import AugmentSettings, augment
from drama.files import fingerprint
from drama.records import Document, write_passages


def answers(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        return dict(sqlite3.connect(path).execute("select request, answer from answers"))
    except sqlite3.OperationalError:  # the table is being made
        return {}


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Here and in processes that are started: on a busy machine several threads wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_kill_minus_nine(
    tiny_llm: Path, texts: list[str], tmp_path: Path, rewrite_answers: Callable[..., int]
) -> None:
    passages = tmp_path / "p.parquet"
    rows = [f"{text} Number {i} says {word}." for word in "xyz" for i, text in enumerate(texts)]
    write_passages(passages, [Document(f"d{i}", "", text) for i, text in enumerate(rows)])
    section = {"synthesize": {"documents": 24, "llm": str(tiny_llm), "batch_size": 1}}
    settings = AugmentSettings.parse(section, "augment")

    cut, store = tmp_path / "cut", tmp_path / "store"
    command = ["augment", passages, "--out", cut, "--store", store, "--synthesize", 24, "--llm", tiny_llm]
    command += ["--set", "synthesize.batch_size=1"]
    before: dict[str, str] = {}
    for _ in range(3):
        known = len(before)
        process = subprocess.Popen(
            [sys.executable, "-m", "drama.cli", *map(str, command)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 250
        while len(answers(store / "answers.sqlite")) < known + 2:
            assert process.poll() is None, "ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (cut / "examples.parquet").exists()
        found = answers(store / "answers.sqlite")
        assert before.items() <= found.items()
        before = found

    resumed = augment(settings, passages, cut, 0, store)
    assert before.items() <= answers(store / "answers.sqlite").items()
    whole = augment(settings, passages, tmp_path / "whole", 0, tmp_path / "another-store")
    asked = [manifest.figures["llm: synthesize"]["requests"] for manifest in (resumed, whole)]
    assert asked == [24 - len(before), 24]
    assert resumed.fingerprint == whole.fingerprint
    assert resumed.counts == whole.counts
    for name in ("examples.parquet", "generated.jsonl"):
        assert (cut / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()

    # Another label setting asks the LLM nothing: answers that were changed in the store come out as they are.
    rewrite_answers(store / "answers.sqlite", lambda _: "what does the changed answer ask")
    section["label"] = {"depth": 40}
    augment(AugmentSettings.parse(section, "augment"), passages, cut, 0, store)
    lines = [json.loads(line) for line in (cut / "generated.jsonl").read_text().splitlines()]
    assert {line["answer"] for line in lines} == {"what does the changed answer ask"}


@pytest.mark.slow
def test_kill_minus_nine_with_a_server(
    serving: Callable[..., AbstractContextManager[Any]], texts: list[str], tmp_path: Path
) -> None:
    """A second of answers, and what is in flight, are lost and asked for again, with the same result."""
    passages = tmp_path / "p.parquet"
    rows = [f"{text} Number {i} says {word}." for word in range(50) for i, text in enumerate(texts)]
    write_passages(passages, [Document(f"d{i}", "", text) for i, text in enumerate(rows)])

    def reply(number: int, body: dict[str, Any]) -> tuple[int, dict[str, str], Any]:
        time.sleep(0.02)
        text = f"why does nobody hear {fingerprint(body['messages'])}"
        return 200, {}, {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}

    cut, store = tmp_path / "cut", tmp_path / "store"
    section = {"documents": 400, "language_check": "none"}
    with serving(reply) as fake:
        command = [
            "augment",
            passages,
            "--out",
            cut,
            "--store",
            store,
            "--synthesize",
            400,
            "--llm",
            fake.name,
        ]
        command += ["--set", "synthesize.language_check=none", "--set", "server.concurrency=2"]
        command += ["--set", "crop.per_document=0"]
        process = subprocess.Popen(
            [sys.executable, "-m", "drama.cli", *map(str, command)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 250
        while len(fake.bodies) < 250:
            assert process.poll() is None, "ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        before, kept = len(fake.bodies), len(answers(store / "answers.sqlite"))
        last = [moment for moment in fake.times if moment > fake.times[-1] - 3]
        assert kept >= before - len(last)
        values = {"crop": {"per_document": 0}, "synthesize": {**section, "llm": fake.name}}
        augment(AugmentSettings.parse(values, "augment"), passages, cut, 0, store)
        assert len(fake.bodies) == before + 400 - kept
        augment(AugmentSettings.parse(values, "augment"), passages, tmp_path / "whole", 0, tmp_path / "other")
    for name in ("examples.parquet", "generated.jsonl"):
        assert (cut / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
