"""Training speed and memory: our trainer, sentence-transformers' and Tevatron's, each in its own process,
alternating.

The same folder (SmolLM2-135M cut to its first four layers), pairs (a document's title or first sentence, and
its text of natural length), batches in the same order, widths, frozen token embeddings, optimiser, rates and
precision. A pair is counted once it went through an update; the first step of a process is left out of its
time. Peak memory is the process's highest resident size.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from drama.corpus.readers.inputs import read_input
from drama.errors import DramaError, MissingExtraError
from drama.files import write_json
from drama.language.sentences import split_sentences
from drama.models import resolve
from drama.retriever import Retriever, RetrieverSettings
from drama_bench.result import write_result
from drama_bench.trainers.common import MAX_LENGTH

LAYERS = 4
DIMS = (256, 128)
STEPS = {64: 3, 256: 2}
"""Batch size → updates a process, the first of which is not timed."""
OURS = ("drama", "drama, not fused")
"""The second shows what fused layers are worth."""
PEERS = ("sentence-transformers cached", "sentence-transformers", "tevatron cached", "tevatron")
"""At batch 256 only those with gradient caching run; Tevatron's run only where it is installed."""
_PAIRS = 1024
_QUERY_WORDS = 16
"""Texts without full stops have no first sentence: a query is never longer than this."""


def bench_train(out: Path, rounds: int, data: Iterable[str], precision: str = "fp32") -> Path:
    """Pairs a second and peak memory at batch 64 and 256; writes `train.json`.

    Args:
        out: folder of the result.
        rounds: every trainer runs once a round, in alternating order.
        data: corpora as in a recipe's `corpus.inputs`.
        precision: `fp32` or `bf16`, of all trainers.

    Raises:
        DramaError: the corpora hold too few usable pairs.
        MissingExtraError: sentence-transformers is not installed.
    """
    if find_spec("sentence_transformers") is None or find_spec("datasets") is None:
        raise MissingExtraError("datasets", "bench")
    with_tevatron = find_spec("tevatron") is not None and find_spec("gradcache") is not None
    peers = [name for name in PEERS if with_tevatron or "tevatron" not in name]
    raw = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        _prepare(folder, data)
        for number in range(rounds):
            for size in STEPS:
                names = [*OURS, *(p for p in peers if size == min(STEPS) or "cached" in p)]
                for name in names if number % 2 == 0 else reversed(names):
                    raw.append(
                        {"round": number, "precision": precision, **_process(folder, name, size, precision)}
                    )
    path = out / ("train.json" if precision == "fp32" else f"train-{precision}.json")
    packages = ("sentence-transformers", *(("tevatron", "GradCache") if with_tevatron else ()))
    return write_result(path, raw, summary(raw), packages)


def summary(raw: list[dict[str, Any]]) -> dict[str, Any]:
    """Ratios to the best peer at each batch size, of medians over rounds; and the lowest of all sizes.

    `fused_vs_not` has the ratios of our trainer to itself without fused layers, where both were run.
    """
    sizes = sorted({row["batch_size"] for row in raw})
    speed, memory, loss = {}, {}, {}
    fused: dict[str, dict[int, float]] = {}
    for size in sizes:
        rows = [row for row in raw if row["batch_size"] == size]
        names = {row["trainer"] for row in rows}
        middle = {
            (name, key): float(np.median([r[key] for r in rows if r["trainer"] == name]))
            for name, key in product(names, ("pairs_per_second", "peak_memory_mb"))
        }
        peers = names - {*OURS}
        best = max(middle[p, "pairs_per_second"] for p in peers)
        least = min(middle[p, "peak_memory_mb"] for p in peers)
        speed[size] = round(middle["drama", "pairs_per_second"] / best, 3)
        memory[size] = round(middle["drama", "peak_memory_mb"] / least, 3)
        if names >= {*OURS}:
            for key in ("pairs_per_second", "peak_memory_mb"):
                ratio = middle[OURS[0], key] / middle[OURS[1], key]
                fused.setdefault(key, {})[size] = round(ratio, 3)
        ours = next(r["losses"] for r in rows if r["trainer"] == "drama")
        theirs = [r["losses"] for r in rows if r["trainer"] != "drama"]
        loss[size] = round(float(np.abs(np.subtract(theirs, ours)).max()), 6)
    return {
        "pairs_per_second_vs_best_peer": min(speed.values()),
        "peak_memory_vs_best_peer": max(memory.values()),
        "loss_difference": max(loss.values()),
        "by_batch_size": {
            "pairs_per_second_vs_best_peer": speed,
            "peak_memory_vs_best_peer": memory,
            "loss_difference": loss,
        },
        **({"fused_vs_not": fused} if fused else {}),
    }


def _prepare(folder: Path, data: Iterable[str]) -> None:
    """`model/` and `pairs.json`."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    pairs: dict[str, str] = {}
    for place in data:
        for document in read_input(place):
            title = document.title or next(iter(split_sentences(document.text, document.lang)), "")
            words = title.split()[:_QUERY_WORDS]
            if len(words) >= 3 and len(document.text.split()) >= 2 * _QUERY_WORDS:
                pairs.setdefault(document.text, " ".join(words))
    if len(pairs) < max(STEPS) * max(STEPS.values()):
        raise DramaError(
            f"bench train: {len(pairs)} pairs are too few", hint="name a larger corpus in --data"
        )
    texts = list(pairs)
    np.random.default_rng(0).shuffle(texts)
    write_json(folder / "pairs.json", [[pairs[text], text] for text in texts[:_PAIRS]])
    llm = resolve("smollm2-135m")
    model = AutoModelForCausalLM.from_pretrained(llm)
    model.model.layers = model.model.layers[:LAYERS]
    model.config.num_hidden_layers = LAYERS
    model.save_pretrained(folder / "llm")
    AutoTokenizer.from_pretrained(llm).save_pretrained(folder / "llm")
    settings = RetrieverSettings(max_length=MAX_LENGTH, dims=DIMS)
    Retriever.from_llm(folder / "llm", settings).save(folder / "model")


def _process(folder: Path, name: str, size: int, precision: str) -> dict[str, Any]:
    result = folder / "result.json"
    words = [
        sys.executable,
        "-m",
        "drama_bench.train_once",
        folder,
        name,
        size,
        STEPS[size],
        precision,
        result,
    ]
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise DramaError(f"bench train: {name} failed at batch {size}: {done.stderr[-2000:]}")
    figures: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
    return {"trainer": name, "batch_size": size, **figures}
