"""A Ray cluster of two nodes on this machine: an actor is killed in the middle, and the rows are the same."""

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from drama.augment import AugmentSettings, augment
from drama.errors import DramaError
from drama.records import Document, write_passages
from drama.workers import RaySettings, work_through

ray = pytest.importorskip("ray")
psutil = pytest.importorskip("psutil")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
]  # starting nodes and actors takes a busy core minutes
STORE = 300 * 2**20


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_worker_niceness", "0")  # niced actors starve where other work is going on
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        node = {"num_cpus": 1, "object_store_memory": STORE, "include_dashboard": False}
        nodes = Cluster(initialize_head=True, head_node_args=node)
        nodes.add_node(**node)
        ray.init(address=nodes.address, log_to_driver=False)
        yield nodes
        ray.shutdown()
        nodes.shutdown()


def actors() -> list[Any]:
    """Processes of this test's actors that are at work: not those that still start."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            title = " ".join(child.cmdline())
            if title.startswith("ray::MapWorker") and "__init__" not in title:
                found.append(child)
    return found


def asked(path: Path) -> int:
    try:
        return int(sqlite3.connect(path).execute("select count(*) from answers").fetchone()[0])
    except sqlite3.OperationalError:  # the table is being made
        return 0


def test_the_same_rows_though_an_actor_was_killed(
    cluster: Any, tiny_llm: Path, texts: list[str], tmp_path: Path
) -> None:
    passages = tmp_path / "passages.parquet"
    rows = [f"{text} Number {i} says {word}." for word in "xyz" for i, text in enumerate(texts)]
    write_passages(passages, [Document(f"d{i}", "", text, "en", "s") for i, text in enumerate(rows)])
    sampling = {"max_new_tokens": 96}
    section: dict[str, Any] = {
        "synthesize": {"documents": 24, "llm": str(tiny_llm), "batch_size": 2, "sampling": sampling},
        "label": {"retrievers": [str(tiny_llm)], "max_length": 32, "keep_vectors": True},
    }
    here = augment(AugmentSettings.parse(section, "augment"), passages, tmp_path / "here", 3)

    store = tmp_path / "store"
    killed: list[int] = []

    def kill() -> None:
        while not killed:
            if 2 <= asked(store / "answers.sqlite") < 20 and (found := actors()):
                found[0].send_signal(signal.SIGKILL)
                killed.append(asked(store / "answers.sqlite"))
            time.sleep(0.01)

    threading.Thread(target=kill, daemon=True).start()
    settings = AugmentSettings.parse({**section, "ray": {"actors": 2}}, "augment")
    there = augment(settings, passages, tmp_path / "there", 3, store)
    assert killed
    assert killed[0] < 24
    assert there.counts == here.counts
    assert there.figures["llm: synthesize"] == here.figures["llm: synthesize"]
    for name in ("examples.parquet", "generated.jsonl", "teacher/documents/00000.npy"):
        assert (tmp_path / "there" / name).read_bytes() == (tmp_path / "here" / name).read_bytes()


def refuse(item: str) -> str:
    raise DramaError(f"{item} is wrong", hint="mend it")


def test_a_mistake_in_an_actor_is_the_users_to_read(cluster: Any) -> None:
    with pytest.raises(DramaError, match="x is wrong") as caught:
        list(work_through(lambda: refuse, ["x"], RaySettings(actors=1)))
    assert caught.value.hint == "mend it"
