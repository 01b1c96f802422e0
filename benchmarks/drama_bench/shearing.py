"""The cost of learning masks: a step of `shearing` against a plain LM step of the same parent.

The same rows, batches, optimiser of the weights, and precision; each in its own process, in alternating
order. The first step of a process, which allocates the moments, is not timed. Peak memory is the process's
highest resident size.
"""

import json
import subprocess
import sys
import tempfile
from itertools import islice, product
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoConfig

from drama.errors import DramaError
from drama.files import write_json
from drama.models import resolve
from drama.prune.load import load_tokenizer
from drama.prune.shape.schedule import body_parameters, shape_between
from drama.prune.shape.shape import Shape, parent_shape
from drama.prune.text.rows import domain_rows
from drama_bench.result import write_result
from drama_bench.texts import documents

KINDS = ("plain", "shearing")
_SHARE = 0.25
_TEXTS = 256


def bench_shearing(
    out: Path, rounds: int, data: list[str], parent: str, batch_size: int, length: int, steps: int
) -> Path:
    """Step time and peak memory of mask learning over those of a plain LM step; writes `shearing.json`.

    Args:
        out: folder of the result.
        rounds: both run once a round, in alternating order.
        data: corpora, as in a recipe's `corpus.inputs`.
        parent: a causal LM; masks are learnt for a shape with a quarter of its weights, fewer of everything.
        batch_size: rows a step.
        length: tokens of a row.
        steps: of a process; the first is not timed.

    Raises:
        DramaError: the corpora are too small.
    """
    folder = resolve(parent)
    config = AutoConfig.from_pretrained(folder)
    whole, count = parent_shape(config), body_parameters(config)
    target = shape_between(whole, Shape(2, 1, 1, 1, 1), _SHARE * count(whole), count)
    sizes = {"batch_size": batch_size, "steps": steps}
    raw = []
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        texts = (document._replace(lang="") for document in islice(documents(data), _TEXTS))
        domains, _ = domain_rows(texts, load_tokenizer(folder), "lang", length, 0, place / "rows")
        rows_RL = domains[0].rows_RL
        if len(rows_RL) < batch_size:
            raise DramaError(
                f"bench shearing: {len(rows_RL)} rows of {length} tokens are less than one batch",
                hint="name a larger corpus in --data, or lower --batch-size or --length",
            )
        job = {"parent": str(folder), "shape": target, "rows": rows_RL.tolist(), **sizes}
        write_json(place / "job.json", job)
        for number in range(rounds):
            for kind in KINDS if number % 2 == 0 else reversed(KINDS):
                raw.append({"round": number, "kind": kind, **_process(place, kind)})
    settings = {"parent": parent, "shape": target._asdict(), "length": length, "precision": "fp32", **sizes}
    return write_result(out / "shearing.json", raw, summary(raw), (), settings)


def summary(raw: list[dict[str, Any]]) -> dict[str, Any]:
    """Ratios of medians over rounds: mask learning's to the plain step's.

    >>> raw = [{"kind": "plain", "step_seconds": 2.0, "peak_memory_mb": 100.0}]
    >>> raw += [{"kind": "shearing", "step_seconds": 2.2, "peak_memory_mb": 130.0}]
    >>> summary(raw)
    {'step_time_vs_plain': 1.1, 'peak_memory_vs_plain': 1.3}
    """
    middle = {
        (kind, key): float(np.median([row[key] for row in raw if row["kind"] == kind]))
        for kind, key in product(KINDS, ("step_seconds", "peak_memory_mb"))
    }
    return {
        f"{name}_vs_plain": round(middle["shearing", key] / middle["plain", key], 3)
        for name, key in (("step_time", "step_seconds"), ("peak_memory", "peak_memory_mb"))
    }


def _process(folder: Path, kind: str) -> dict[str, Any]:
    result = folder / "result.json"
    words = [sys.executable, "-m", "drama_bench.shearing_once", str(folder / "job.json"), kind, str(result)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DramaError(f"bench shearing: {kind} failed: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return figures
