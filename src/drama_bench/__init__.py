"""Benchmarks against peers, run side by side: `drama bench NAME`.

Each writes `NAME.json`: `{"command", "commit", "machine", "versions", "rounds": [raw figures], "summary"}`.
"""

from pathlib import Path

from drama.errors import DramaError


def available() -> dict[str, str]:
    """Name → what it measures."""
    return {"encode": "documents/s of our encoder and of sentence-transformers, the same model folder"}


def run(name: str, out: Path, rounds: int) -> Path:
    """Run one benchmark; returns its result file.

    Raises:
        DramaError: no such benchmark, or its peer is not installed.
    """
    if name not in available():
        raise DramaError(f"no benchmark '{name}'", hint=f"there are: {', '.join(available())}")
    from drama_bench.encode import bench_encode

    return bench_encode(out, rounds)
