"""Embedding store: no text is embedded twice. Matrices on disk, and an index by model and content."""

import hashlib
import os
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from drama.console import track
from drama.retriever.blocks import Blocks
from drama.retriever.encoder import Encoder
from drama.retriever.places import Place, Places
from drama.retriever.pooling import Array
from drama.retriever.spread import SpreadEncoding

_BLOCK = 512
"""Texts that are encoded, and kept, together: what a long encoding that is cut off loses at most."""
_PART = 8192
"""Texts of one part of `Blocks`: what is in memory at once."""


class Embedded(NamedTuple):
    """Vectors [N, D], and the seconds that encoding them took when it was done (here or before)."""

    vectors_ND: Array
    seconds: float


class EmbeddingStore:
    """A folder of matrices that stages share.

    Args:
        root: the folder; None keeps nothing.
        spread: where texts are encoded that are not in the folder; None is this process.
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
        return _left_on_disk(self.root, self._places(self.root, encoder, texts, "document"))

    def _get(self, encoder: Encoder, texts: Sequence[str], kind: str) -> Embedded:
        if self.root is None:
            begin = time.monotonic()
            return Embedded(_encode(encoder, kind, texts), time.monotonic() - begin)
        if not texts:
            return Embedded(np.zeros((0, encoder.dim), dtype=np.float32), 0.0)
        places = self._places(self.root, encoder, texts, kind)
        vectors_ND = np.concatenate(list(_left_on_disk(self.root, places).parts()))
        return Embedded(vectors_ND, sum(place.seconds for place in places))

    def _places(self, root: Path, encoder: Encoder, texts: Sequence[str], kind: str) -> list[Place]:
        """Where each text's vector is; those that were missing are made now."""
        index = Places(root)
        keys = [_key(encoder, kind, text) for text in texts]
        known = index.find(list(dict.fromkeys(keys)))
        there = {place.block: _file(root, place.block).is_file() for place in known.values()}
        missing = {
            k: t for k, t in zip(keys, texts, strict=True) if k not in known or not there[known[k].block]
        }
        blocks = [list(missing)[start : start + _BLOCK] for start in range(0, len(missing), _BLOCK)]
        wanted = [[missing[key] for key in block] for block in blocks]
        far = None if self.spread is None else self.spread.encode(kind, wanted)
        title = f"{encoder.name}: {kind} vectors, blocks of {_BLOCK}"
        for number in track(range(len(blocks)), title):
            begin = time.monotonic()
            vectors_ND, took = (_encode(encoder, kind, wanted[number]), 0.0) if far is None else next(far)
            name = hashlib.sha256("".join(blocks[number]).encode()).hexdigest()[:32]
            unfinished = _file(root, name).with_suffix(".partial")
            with unfinished.open("wb") as handle:
                np.save(handle, vectors_ND)
            os.replace(unfinished, _file(root, name))
            index.add(name, blocks[number], encoder.name, took or time.monotonic() - begin)
        found = index.find(list(dict.fromkeys(keys))) if missing else known
        return [found[key] for key in keys]


def _left_on_disk(root: Path, places: Sequence[Place]) -> Blocks:
    parts = [places[start : start + _PART] for start in range(0, len(places), _PART)]
    return Blocks([partial(_read, root, part) for part in parts])


def _read(root: Path, places: Sequence[Place]) -> Array:
    """Vectors [N, D] of places, each file opened once."""
    block_N = np.array([place.block for place in places])
    row_N = np.array([place.row for place in places])
    names, at_N = np.unique(block_N, return_inverse=True)
    vectors_ND: Array | None = None
    for number, name in enumerate(names):
        of_block_N = at_N == number
        stored_MD = np.load(_file(root, name), mmap_mode="r", allow_pickle=False)
        if vectors_ND is None:
            vectors_ND = np.empty((len(places), stored_MD.shape[1]), dtype=stored_MD.dtype)
        vectors_ND[of_block_N] = stored_MD[row_N[of_block_N]]
    assert vectors_ND is not None
    return vectors_ND


def _file(root: Path, block: str) -> Path:
    return root / f"{block}.npy"


def _encode(encoder: Encoder, kind: str, texts: Sequence[str]) -> Array:
    return encoder.encode_documents(texts) if kind == "document" else encoder.encode_queries(texts)


def _key(encoder: Encoder, kind: str, text: str) -> str:
    return hashlib.sha256("\0".join([encoder.fingerprint, kind, text]).encode()).hexdigest()[:32]
