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
        "train": "pairs/s, peak memory and loss of our trainer and of sentence-transformers'",
        "prune": "held-out perplexity after each method's cut and recovery, and after Torch-Pruning's",
    }


def run(
    name: str,
    out: Path,
    rounds: int,
    data: list[str],
    precision: Precision,
    parent: str,
    methods: list[str],
    tokens: int,
) -> Path:
    """Run one benchmark; returns its result file.

    Args:
        name: one of `available()`.
        out: folder of the result file.
        rounds: alternating rounds of `encode` and `train`.
        data: corpora that `train` and `prune` take their texts from, as in a recipe's `corpus.inputs`.
        precision: of all trainers in `train`.
        parent: the model that `prune` cuts.
        methods: those that `prune` runs, its peer's among them.
        tokens: that each of them may read in `prune`.

    Raises:
        DramaError: no such benchmark, or its peer is not installed.
    """
    if name not in available():
        raise DramaError(f"no benchmark '{name}'", hint=f"there are: {', '.join(available())}")
    if name == "train":
        from drama_bench.train import bench_train

        return bench_train(out, rounds, data, precision)
    if name == "prune":
        from drama_bench.prune import bench_prune

        return bench_prune(out, data, parent, methods, tokens)
    from drama_bench.encode import bench_encode

    return bench_encode(out, rounds)
