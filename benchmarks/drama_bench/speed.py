"""Documents a second and time of one query, of several models on the same texts, alternating."""

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drama.errors import DramaError
from drama.records.document import Reading, read_documents_jsonl
from drama.retriever import Encoder, load_encoder
from drama_bench.result import write_result

_WARM_UP = 32
_QUERIES = 50


def bench_speed(
    models: Sequence[str], corpus: Path, out: Path, rounds: int, documents: int, max_length: int = 256
) -> Path:
    """Write `speed.json`: each model's documents/s and milliseconds of a query in each round, and the ratios
    to the last model.

    Args:
        models: names or folders.
        corpus: a JSONL file of a BEIR folder.
        out: folder of the result.
        rounds: the models take turns, in the other order every other round.
        documents: drawn from the corpus.
        max_length: cut texts to this many tokens.

    Raises:
        DramaError: no such model or corpus, or too few documents.
    """
    texts = [d.full_text for d in read_documents_jsonl(corpus, Reading(corpus.stem))]
    if len(texts) < documents:
        raise DramaError(f"{corpus}: {len(texts)} documents, of {documents} that were asked")
    texts = random.Random(0).sample(texts, documents)
    encoders: dict[str, Encoder] = {name: load_encoder(name, max_length) for name in models}
    for encoder in encoders.values():
        encoder.encode_documents(texts[:_WARM_UP])
    raw = [_round(encoders, texts, bool(number % 2)) for number in range(rounds)]
    slowest = models[-1]
    summary = {
        name: {
            "documents_per_second": round(
                float(np.median([r[name]["documents_per_second"] for r in raw])), 1
            ),
            "query_milliseconds": round(float(np.median([r[name]["query_milliseconds"] for r in raw])), 2),
            "times_the_last": _ratio(
                [r[name]["documents_per_second"] / r[slowest]["documents_per_second"] for r in raw]
            ),
        }
        for name in models
    }
    return write_result(out / "speed.json", raw, summary, ("sentence-transformers",))


def _ratio(ratios: Sequence[float]) -> dict[str, Any]:
    return {
        "median": round(float(np.median(ratios)), 2),
        "lowest_and_highest_round": [round(min(ratios), 2), round(max(ratios), 2)],
    }


def _round(encoders: dict[str, Encoder], texts: list[str], reverse: bool) -> dict[str, dict[str, float]]:
    found = {}
    for name in sorted(encoders, reverse=reverse):
        begin = time.monotonic()
        encoders[name].encode_documents(texts)
        between = time.monotonic()
        for text in texts[:_QUERIES]:
            encoders[name].encode_queries([" ".join(text.split()[:8])])
        end = time.monotonic()
        found[name] = {
            "documents_per_second": len(texts) / (between - begin),
            "query_milliseconds": 1000 * (end - between) / _QUERIES,
        }
    return found
