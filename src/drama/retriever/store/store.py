"""The embedding store: matrices on disk, and an index of them by model and content."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence, Sized
from functools import partial
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from drama.compute import Precision
from drama.console import progress
from drama.errors import DramaError, check_list
from drama.retriever.encoder import Encoder, load_encoder
from drama.retriever.store.missing import Missing
from drama.retriever.store.places import KEY, Places
from drama.retriever.vectors import Array, Blocks
from drama.workers import RaySettings, work_through

_BLOCK = 512
"""Texts that are encoded and saved together: the most that a killed encoding loses."""
_PART = 8192
"""Texts, and rows of one part of `Blocks`, that are in memory at once."""


class RayEncoding(NamedTuple):
    """The actors of a Ray cluster that encode an `EmbeddingStore`'s blocks; each loads the model."""

    name: str
    max_length: int | None
    precision: Precision
    fingerprint: str
    """The model's in this process, under which the vectors are kept."""
    ray: RaySettings

    def load(self) -> Encoder:
        """The model in an actor.

        Raises:
            DramaError: its vectors would differ from those of the model in the other process.
        """
        encoder = load_encoder(self.name, self.max_length, self.precision)
        if encoder.fingerprint != self.fingerprint:
            raise DramaError(
                f"{self.name}: an actor of the cluster has another model of this name",
                hint="give every node the same files of the model, and the same versions of the libraries",
            )
        return encoder


class Embedded(NamedTuple):
    """Vectors [N, D], and the seconds that encoding them took (now or in an earlier call)."""

    vectors_ND: Array
    seconds: float


class _Layout(NamedTuple):
    """The places of the vectors of N texts: the files, and each text's file and row."""

    files: list[Path]
    file_N: npt.NDArray[np.int32]
    row_N: npt.NDArray[np.int32]
    seconds: float

    @classmethod
    def find(cls, places: Places, keys_N: npt.NDArray[np.bytes_]) -> Self:
        """Look up texts that all have a vector."""
        file_N, row_N = (np.empty(len(keys_N), dtype=np.int32) for _ in range(2))
        numbers: dict[str, int] = {}
        seconds = 0.0
        for start in range(0, len(keys_N), _PART):
            keys = [key.decode() for key in keys_N[start : start + _PART].tolist()]
            found = places.find([*dict.fromkeys(keys)])
            for at, key in enumerate(keys, start=start):
                place = found[key]
                file_N[at] = numbers.setdefault(place.block, len(numbers))
                row_N[at] = place.row
                seconds += place.seconds
        return cls([places.file(block) for block in numbers], file_N, row_N, seconds)

    def blocks(self) -> Blocks:
        """The vectors, left on disk."""
        starts = range(0, len(self.file_N), _PART)
        return Blocks([partial(self._read, slice(start, start + _PART)) for start in starts])

    def _read(self, part: slice) -> Array:
        """Vectors [N, D] of a part, each file opened once."""
        file_N, row_N = self.file_N[part], self.row_N[part]
        vectors_ND: Array | None = None
        for file in np.unique(file_N):
            of_file_N = file_N == file
            stored_MD = np.load(self.files[file], mmap_mode="r", allow_pickle=False)
            if vectors_ND is None:
                vectors_ND = np.empty((len(file_N), stored_MD.shape[1]), dtype=stored_MD.dtype)
            vectors_ND[of_file_N] = stored_MD[row_N[of_file_N]]
        assert vectors_ND is not None
        return vectors_ND


class EmbeddingStore:
    """A folder of matrices that stages share; no text is encoded twice. Texts are read part by part and need
    not be in memory together.

    Args:
        root: the folder; None keeps nothing and encodes everything.
        actors: where missing texts are encoded; None is this process.
    """

    def __init__(self, root: Path | None, actors: RayEncoding | None = None) -> None:
        self.root, self._actors = root, actors
        self.encoded = 0
        """Texts that have been encoded because the folder had no vector of them."""

    def documents(self, encoder: Encoder, texts: Iterable[str]) -> Embedded:
        """Vectors of documents at full width, from disk where they are known."""
        return self._get(encoder, texts, "document")

    def queries(self, encoder: Encoder, texts: Iterable[str]) -> Embedded:
        """Vectors of queries at full width, from disk where they are known."""
        return self._get(encoder, texts, "query")

    def document_blocks(self, encoder: Encoder, texts: Iterable[str]) -> Blocks:
        """Vectors of documents at full width, left on disk if there is a folder."""
        check_list(texts, "texts")
        if self.root is None:
            return Blocks([encoder.encode_documents(list(texts))])
        return self._layout(self.root, encoder, texts, "document").blocks()

    def _get(self, encoder: Encoder, texts: Iterable[str], kind: str) -> Embedded:
        check_list(texts, "texts")
        if self.root is None:
            return Embedded(*_timed(lambda: encoder, kind)(list(texts)))
        layout = self._layout(self.root, encoder, texts, kind)
        parts = list(layout.blocks().parts())
        vectors_ND = np.concatenate(parts) if parts else np.zeros((0, encoder.dim), dtype=np.float32)
        return Embedded(vectors_ND, layout.seconds)

    def _layout(self, root: Path, encoder: Encoder, texts: Iterable[str], kind: str) -> _Layout:
        """The place of each text's vector; missing ones are encoded first."""
        places = Places(root)
        key = partial(_key, encoder.fingerprint, kind)
        total = len(texts) if isinstance(texts, Sized) else None
        new = 0
        with progress(f"{encoder.name}: {kind} vectors", total) as bar:
            missing = Missing(places, key, texts, _PART, _BLOCK, bar)
            for vectors_ND, seconds in self._encoded(encoder, kind, missing.blocks()):
                places.add(missing.encoded(), vectors_ND, seconds)
                new += len(vectors_ND)
                bar.advance(len(vectors_ND), f"({new} new)")
        self.encoded += new
        return _Layout.find(places, np.frombuffer(missing.keys, dtype=f"S{KEY}"))

    def _encoded(
        self, encoder: Encoder, kind: str, blocks: Iterable[list[str]]
    ) -> Iterator[tuple[Array, float]]:
        """Yield the vectors of each block, and the seconds that encoding took."""
        if self._actors is None:
            return work_through(partial(_timed, lambda: encoder, kind), blocks)
        return work_through(partial(_timed, self._actors.load, kind), blocks, self._actors.ray)


def _timed(load: Callable[[], Encoder], kind: str) -> Callable[[Sequence[str]], tuple[Array, float]]:
    """A function from texts to their vectors and the seconds that encoding took."""
    encoder = load()
    encode = encoder.encode_documents if kind == "document" else encoder.encode_queries

    def timed(texts: Sequence[str]) -> tuple[Array, float]:
        begin = time.monotonic()
        return encode(texts), time.monotonic() - begin

    return timed


def _key(fingerprint: str, kind: str, text: str) -> str:
    return hashlib.sha256("\0".join([fingerprint, kind, text]).encode()).hexdigest()[:KEY]
