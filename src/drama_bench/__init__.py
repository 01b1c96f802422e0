"""Benchmarks against peers, run side by side: `drama bench NAME`.

Each writes `NAME.json`: `{"command", "commit", "machine", "versions", "rounds": [raw figures], "summary"}`.
"""

from pathlib import Path
from typing import Literal

from drama.errors import DramaError

Precision = Literal["fp32", "bf16"]


def available() -> dict[str, str]:
    """Name → what it measures."""
    return {
        "encode": "documents/s of our encoder and of sentence-transformers, the same model folder",
        "generate": "queries/s of our LLM engine and of one request at a time by transformers",
        "train": "pairs/s, peak memory and loss of our trainer and of sentence-transformers'",
    }


def run(name: str, out: Path, rounds: int, data: list[str], precision: Precision) -> Path:
    """Run one benchmark; returns its result file.

    Args:
        name: one of `available()`.
        out: folder of the result file.
        rounds: alternating rounds.
        data: corpora that `train` and `generate` take their texts from, as in a recipe's `corpus.inputs`.
        precision: of all sides in `train` and `generate`.

    Raises:
        DramaError: no such benchmark, or its peer is not installed.
    """
    if name not in available():
        raise DramaError(f"no benchmark '{name}'", hint=f"there are: {', '.join(available())}")
    if name == "train":
        from drama_bench.train import bench_train

        return bench_train(out, rounds, data, precision)
    if name == "generate":
        from drama_bench.generate import bench_generate

        return bench_generate(out, rounds, data, precision)
    from drama_bench.encode import bench_encode

    return bench_encode(out, rounds)
