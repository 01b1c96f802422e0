"""Encoding speed: our `Retriever` and sentence-transformers on the same folder and texts, alternating.

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
        ours = Retriever.load(f"{folder}/model")
        peer = SentenceTransformer(f"{folder}/model", device="cpu")
        encoders: dict[str, Callable[[list[str]], Array]] = {
            "drama": ours.encode_documents,
            "sentence_transformers": lambda some: peer.encode_document(some, show_progress_bar=False),
        }
        for encode in encoders.values():
            encode(texts[:_WARM_UP])
        raw = [_round(encoders, texts, reverse=bool(i % 2)) for i in range(rounds)]
    ratios = [r["drama"] / r["sentence_transformers"] for r in raw]
    summary = {
        "documents_per_second_vs_sentence_transformers": round(float(np.median(ratios)), 3),
        "lowest_and_highest_round": [round(min(ratios), 3), round(max(ratios), 3)],
        "smallest_cosine": min(r["smallest_cosine"] for r in raw),
    }
    return write_result(out / "encode.json", raw, summary, ("sentence-transformers",))


def _round(
    encoders: dict[str, Callable[[list[str]], Array]], texts: list[str], reverse: bool
) -> dict[str, float]:
    """Documents a second of each, every other round in the other order, and how far the vectors agree."""
    figures: dict[str, float] = {}
    vectors: dict[str, Array] = {}
    for name in sorted(encoders, reverse=reverse):
        begin = time.monotonic()
        vectors[name] = np.asarray(encoders[name](texts))
        figures[name] = len(texts) / (time.monotonic() - begin)
    first_ND, second_ND = vectors.values()
    return figures | {"smallest_cosine": float((first_ND * second_ND).sum(axis=1).min())}
