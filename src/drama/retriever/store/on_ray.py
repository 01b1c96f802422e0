"""A dense model in the actors of a Ray cluster, with the same vectors as in this process."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from drama.compute import Precision
from drama.retriever.encoder import load_encoder
from drama.retriever.vectors import Array
from drama.workers import RaySettings, work_through

Block = Sequence[str]


class SpreadEncoding:
    """The actors that encode an `EmbeddingStore`'s blocks.

    Args:
        name: of the model, as `load_encoder` takes it; each actor loads it.
        max_length: tokens of a text.
        precision: of matrix products.
        ray: the actors.
    """

    def __init__(self, name: str, max_length: int | None, precision: Precision, ray: RaySettings) -> None:
        self._model, self._ray = (name, max_length, precision), ray

    def encode(self, kind: str, blocks: Iterable[Block]) -> Iterator[tuple[Array, float]]:
        """Yield the vectors of each block, and the seconds that encoding took.

        Raises:
            DramaError: no such model.
        """
        return work_through(partial(_encoder, kind, *self._model), blocks, self._ray)


def _encoder(
    kind: str, name: str, max_length: int | None, precision: Precision
) -> Callable[[Block], tuple[Array, float]]:
    encoder = load_encoder(name, max_length, precision)
    encode = encoder.encode_documents if kind == "document" else encoder.encode_queries

    def timed(block: Block) -> tuple[Array, float]:
        begin = time.monotonic()
        return encode(block), time.monotonic() - begin

    return timed
