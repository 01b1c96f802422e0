"""Encoding speed: our `Retriever` and sentence-transformers on the same folder and texts, alternating."""

import random
import tempfile
import time
from pathlib import Path

import numpy as np

from drama.corpus.python_docs import python_docs
from drama.errors import MissingExtraError
from drama.models import resolve
from drama.prune.families import family_of
from drama.retriever import Retriever, RetrieverSettings
from drama.workspace import write_json
from drama.workspace.manifest import command, machine, versions

_LAYERS = 4
_DOCUMENTS = 256


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
        family_of(model)
        model.model.layers = model.model.layers[:_LAYERS]
        model.config.num_hidden_layers = _LAYERS
        model.save_pretrained(f"{folder}/llm")
        AutoTokenizer.from_pretrained(llm).save_pretrained(f"{folder}/llm")
        Retriever.from_llm(f"{folder}/llm", RetrieverSettings(max_length=256)).save(Path(folder) / "model")
        ours = Retriever.load(f"{folder}/model")
        peer = SentenceTransformer(f"{folder}/model", device="cpu")
        raw = []
        for _ in range(rounds):
            begin = time.monotonic()
            own_ND = ours.encode_documents(texts)
            between = time.monotonic()
            peer_ND = peer.encode_document(texts, show_progress_bar=False)
            raw.append(
                {
                    "drama_documents_per_second": len(texts) / (between - begin),
                    "sentence_transformers_documents_per_second": len(texts) / (time.monotonic() - between),
                    "smallest_cosine": float((own_ND * np.asarray(peer_ND)).sum(axis=1).min()),
                }
            )
    ratios = [r["drama_documents_per_second"] / r["sentence_transformers_documents_per_second"] for r in raw]
    path = out / "encode.json"
    found = versions()
    write_json(
        path,
        {
            "command": command(),
            "commit": found.get("commit"),
            "machine": machine(),
            "versions": found,
            "rounds": raw,
            "summary": {
                "documents_per_second_vs_sentence_transformers": round(float(np.median(ratios)), 3),
                "smallest_cosine": min(r["smallest_cosine"] for r in raw),
            },
        },
    )
    return path
