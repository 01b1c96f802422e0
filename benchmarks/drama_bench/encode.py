"""Encoding speed: our `Retriever`, the same without its fused layers, and sentence-transformers on the same
folder and texts, alternating.

The folder is SmolLM2-135M cut to its first four layers, untrained: speed does not depend on training.
`rounds` in the result hold documents/s.
"""

import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from drama.corpus.readers.python_docs import python_docs
from drama.errors import MissingExtraError
from drama.models import resolve
from drama.retriever import Retriever, RetrieverSettings
from drama_bench.result import write_result

_LAYERS = 4
_DOCUMENTS = 256
_WARM_UP = 32
Array = npt.NDArray[Any]


def bench_encode(out: Path, rounds: int) -> Path:
    """Documents a second over texts of natural length; batches of 32 for the peer, its default.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
    """
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError:
        raise MissingExtraError("sentence_transformers", "bench") from None
    from transformers import AutoModelForCausalLM, AutoTokenizer

    documents = python_docs(None, 1, seed=0).documents
    texts = [d.full_text for d in random.Random(0).sample(documents, _DOCUMENTS)]
    with tempfile.TemporaryDirectory() as folder:
        llm = resolve("smollm2-135m")
        model = AutoModelForCausalLM.from_pretrained(llm)
        model.model.layers = model.model.layers[:_LAYERS]
        model.config.num_hidden_layers = _LAYERS
        model.save_pretrained(f"{folder}/llm")
        AutoTokenizer.from_pretrained(llm).save_pretrained(f"{folder}/llm")
        Retriever.from_llm(f"{folder}/llm", RetrieverSettings(max_length=256)).save(Path(folder) / "model")
        ours, not_fused = (Retriever.load(f"{folder}/model") for _ in range(2))
        not_fused.fused = False
        peer = SentenceTransformer(f"{folder}/model", device="cpu")
        encoders: dict[str, Callable[[list[str]], Array]] = {
            "drama": ours.encode_documents,
            "not_fused": not_fused.encode_documents,
            "sentence_transformers": lambda some: peer.encode_document(some, show_progress_bar=False),
        }
        for encode in encoders.values():
            encode(texts[:_WARM_UP])
        raw = [_round(encoders, texts, reverse=bool(i % 2)) for i in range(rounds)]
    summary: dict[str, Any] = {"smallest_cosine": min(r["smallest_cosine"] for r in raw)}
    for side in [name for name in encoders if name != "drama"]:
        ratios = [r["drama"] / r[side] for r in raw]
        summary[f"documents_per_second_vs_{side}"] = {
            "median": round(float(np.median(ratios)), 3),
            "lowest_and_highest_round": [round(min(ratios), 3), round(max(ratios), 3)],
        }
    return write_result(out / "encode.json", raw, summary, ("sentence-transformers",))


def _round(
    encoders: dict[str, Callable[[list[str]], Array]], texts: list[str], reverse: bool
) -> dict[str, float]:
    """Documents a second of each side, in the other order every other round, and the smallest cosine of a
    document's vector with ours."""
    figures: dict[str, float] = {}
    vectors: dict[str, Array] = {}
    for name in sorted(encoders, reverse=reverse):
        begin = time.monotonic()
        vectors[name] = np.asarray(encoders[name](texts))
        figures[name] = len(texts) / (time.monotonic() - begin)
    cosines = [float((vectors["drama"] * other_ND).sum(axis=1).min()) for other_ND in vectors.values()]
    return figures | {"smallest_cosine": min(cosines)}
