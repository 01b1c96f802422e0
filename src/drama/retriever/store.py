"""Embedding store: no text is embedded twice. Matrices on disk, keyed by model and content."""

import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drama.console import track
from drama.retriever.encoder import Encoder
from drama.retriever.pooling import Array
from drama.retriever.spread import SpreadEncoding
from drama.workspace import write_json

_BLOCK = 512


class Embedded(NamedTuple):
    """Vectors [N, D], and the seconds that encoding them took when it was done (here or before)."""

    vectors_ND: Array
    seconds: float


class EmbeddingStore:
    """A folder of matrices that stages share.

    Args:
        root: the folder; None keeps nothing.
        spread: where blocks are encoded that are not in the folder; None is this process.
    """

    def __init__(self, root: Path | None, spread: SpreadEncoding | None = None) -> None:
        self.root, self.spread = root, spread

    def documents(self, encoder: Encoder, texts: Sequence[str]) -> Embedded:
        """Vectors of documents at full width, from disk where they are known."""
        return self._get(encoder, texts, "document")

    def queries(self, encoder: Encoder, texts: Sequence[str]) -> Embedded:
        """Vectors of queries at full width, from disk where they are known."""
        return self._get(encoder, texts, "query")

    def _get(self, encoder: Encoder, texts: Sequence[str], kind: str) -> Embedded:
        encode = encoder.encode_documents if kind == "document" else encoder.encode_queries
        if self.root is None:
            begin = time.monotonic()
            return Embedded(encode(texts), time.monotonic() - begin)
        # Blocks of texts are the unit: a long encoding that is cut off keeps its finished blocks.
        parts: list[Array] = []
        seconds = 0.0
        blocks = [texts[start : start + _BLOCK] for start in range(0, len(texts), _BLOCK)]
        paths = [self.root / f"{_content(encoder, kind, block)}.npy" for block in blocks]
        known = [path.is_file() and path.with_suffix(".json").is_file() for path in paths]
        missing = [block for block, there in zip(blocks, known, strict=True) if not there]
        far = self.spread.encode(kind, missing) if self.spread is not None else None
        title = f"{encoder.name}: {kind} vectors, blocks of {_BLOCK}"
        for number in track(range(len(blocks)), title):
            block, path = blocks[number], paths[number]
            about = path.with_suffix(".json")
            if known[number]:
                parts.append(np.load(path, allow_pickle=False))
                seconds += float(json.loads(about.read_text(encoding="utf-8"))["seconds"])
                continue
            if far is not None:
                vectors_ND, took = next(far)
            else:
                begin = time.monotonic()
                vectors_ND = encode(block)
                took = time.monotonic() - begin
            self.root.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            with partial.open("wb") as handle:
                np.save(handle, vectors_ND)
            os.replace(partial, path)
            write_json(about, {"model": encoder.name, "kind": kind, "texts": len(block), "seconds": took})
            parts.append(vectors_ND)
            seconds += took
        if not parts:
            return Embedded(np.zeros((0, encoder.dim), dtype=np.float32), 0.0)
        return Embedded(np.concatenate(parts), seconds)


def _content(encoder: Encoder, kind: str, block: Sequence[str]) -> str:
    return hashlib.sha256("\0".join([encoder.fingerprint, kind, *block]).encode()).hexdigest()[:32]
