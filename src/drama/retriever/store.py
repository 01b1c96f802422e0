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
from drama.retriever.blocks import Blocks
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

    def document_blocks(self, encoder: Encoder, texts: Sequence[str]) -> Blocks:
        """Vectors of documents at full width, left on disk where there is a folder."""
        if self.root is None:
            return Blocks([encoder.encode_documents(texts)])
        return Blocks(self._blocks(self.root, encoder, texts, "document")[0])

    def _get(self, encoder: Encoder, texts: Sequence[str], kind: str) -> Embedded:
        if self.root is None:
            begin = time.monotonic()
            return Embedded(_encode(encoder, kind, texts), time.monotonic() - begin)
        paths, seconds = self._blocks(self.root, encoder, texts, kind)
        if not paths:
            return Embedded(np.zeros((0, encoder.dim), dtype=np.float32), 0.0)
        return Embedded(np.concatenate([np.load(path, allow_pickle=False) for path in paths]), seconds)

    def _blocks(
        self, root: Path, encoder: Encoder, texts: Sequence[str], kind: str
    ) -> tuple[list[Path], float]:
        """The files of all blocks, those made now that were missing; and the seconds that all took."""
        # Blocks of texts are the unit: a long encoding that is cut off keeps its finished blocks.
        starts = range(0, len(texts), _BLOCK)
        paths = [root / f"{_content(encoder, kind, texts[s : s + _BLOCK])}.npy" for s in starts]
        known = [path.is_file() and path.with_suffix(".json").is_file() for path in paths]
        far = None
        if self.spread is not None:
            missing = [texts[s : s + _BLOCK] for s, there in zip(starts, known, strict=True) if not there]
            far = self.spread.encode(kind, missing)
        seconds = 0.0
        title = f"{encoder.name}: {kind} vectors, blocks of {_BLOCK}"
        for number in track(range(len(paths)), title):
            path, block = paths[number], texts[starts[number] : starts[number] + _BLOCK]
            about = path.with_suffix(".json")
            if known[number]:
                seconds += float(json.loads(about.read_text(encoding="utf-8"))["seconds"])
                continue
            begin = time.monotonic()
            vectors_ND, took = (_encode(encoder, kind, block), 0.0) if far is None else next(far)
            took = took or time.monotonic() - begin
            root.mkdir(parents=True, exist_ok=True)
            partial = path.with_suffix(".partial")
            with partial.open("wb") as handle:
                np.save(handle, vectors_ND)
            os.replace(partial, path)
            write_json(about, {"model": encoder.name, "kind": kind, "texts": len(block), "seconds": took})
            seconds += took
        return paths, seconds


def _encode(encoder: Encoder, kind: str, texts: Sequence[str]) -> Array:
    return encoder.encode_documents(texts) if kind == "document" else encoder.encode_queries(texts)


def _content(encoder: Encoder, kind: str, block: Sequence[str]) -> str:
    return hashlib.sha256("\0".join([encoder.fingerprint, kind, *block]).encode()).hexdigest()[:32]
