"""The trainers that the benchmark compares do the same task: the same losses, update after update."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from drama.retriever import Retriever, RetrieverSettings
from drama_bench.train import OURS, PEERS, summary
from drama_bench.train_once import TRAINERS
from drama_bench.trainers.common import MAX_LENGTH, Task


@pytest.fixture
def task(tiny_llm: Path, texts: list[str], tmp_path: Path) -> Task:
    settings = RetrieverSettings(max_length=MAX_LENGTH, dims=(16,))
    Retriever.from_llm(tiny_llm, settings).save(tmp_path / "model")
    pairs = [[" ".join(text.split()[:4]), text] for text in dict.fromkeys(texts)]
    return Task(tmp_path, pairs, 4, 3, "fp32")


@pytest.mark.parametrize("name", [OURS[1], *PEERS])
def test_a_peer_has_our_losses(name: str, task: Task) -> None:
    pytest.importorskip("datasets")
    if "tevatron" in name:
        pytest.importorskip("tevatron")
        if find_spec("gradcache") is None:
            pytest.skip("GradCache is not installed")
    ours, theirs = TRAINERS["drama"](task), TRAINERS[name](task)
    assert theirs["losses"] == pytest.approx(ours["losses"], abs=1e-3)
    assert theirs["tokens"] == ours["tokens"]
    assert ours["losses"][0] != ours["losses"][-1]


def test_ratios_are_of_medians_against_the_best_peer() -> None:
    def row(trainer: str, speed: float, memory: float, loss: float) -> dict[str, object]:
        figures = {"pairs_per_second": speed, "peak_memory_mb": memory, "losses": [1.0, loss]}
        return {"trainer": trainer, "batch_size": 64, **figures}

    raw = [row("drama", speed, 100.0, 0.5) for speed in (9.0, 6.0, 1.0)]
    raw += [row("a cached", 2.0, 400.0, 0.5), row("b", 3.0, 200.0, 0.52), row(OURS[1], 4.0, 125.0, 0.5)]
    found = summary(raw)
    assert found["pairs_per_second_vs_best_peer"] == 2.0
    assert found["peak_memory_vs_best_peer"] == 0.5
    assert found["loss_difference"] == pytest.approx(0.02)
    assert found["fused_vs_not"] == {"pairs_per_second": {64: 1.5}, "peak_memory_mb": {64: 0.8}}
