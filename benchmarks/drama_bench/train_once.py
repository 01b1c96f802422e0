"""One trainer: `python -m drama_bench.train_once FOLDER NAME BATCH STEPS PRECISION RESULT`."""

import json
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from drama.files import write_json
from drama_bench.trainers.common import Task
from drama_bench.trainers.of_sentence_transformers import sentence_transformers
from drama_bench.trainers.of_tevatron import tevatron
from drama_bench.trainers.ours import ours

TRAINERS: dict[str, Callable[[Task], dict[str, Any]]] = {
    "drama": ours,
    "drama, not fused": partial(ours, fused=False),
    "sentence-transformers cached": partial(sentence_transformers, cached=True),
    "sentence-transformers": partial(sentence_transformers, cached=False),
    "tevatron cached": partial(tevatron, cached=True),
    "tevatron": partial(tevatron, cached=False),
}
"""`cached`: gradient caching in mini-batches of 32; else everything is in memory at once."""


def main() -> None:
    """Run one trainer and write its figures."""
    folder, name, size, steps, precision, result = sys.argv[1:]
    pairs = json.loads((Path(folder) / "pairs.json").read_text(encoding="utf-8"))
    figures = TRAINERS[name](Task(Path(folder), pairs, int(size), int(steps), precision))
    timed = int(size) * (int(steps) - 1)
    figures["pairs_per_second"] = round(timed / figures["seconds"], 4)
    figures["tokens_per_second"] = round(figures["tokens"] / figures["seconds"], 1)
    figures["peak_memory_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    write_json(Path(result), figures)


if __name__ == "__main__":
    main()
