"""Encoder: what search, augmentation and evaluation need of a dense model, and how to open one by name."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from drama.compute import Precision
from drama.models import resolve
from drama.retriever.kinds import check_embeds, for_sentence_transformers
from drama.retriever.settings import read_settings
from drama.retriever.vectors import Array
from drama.servers import is_server
from drama.servers.settings import ServerSettings

if TYPE_CHECKING:
    from drama.retriever.model import Retriever
    from drama.retriever.sentence_transformer import SentenceTransformerEncoder
    from drama.retriever.server import ServerEncoder


class Encoder(Protocol):
    """Texts in, unit vectors [N, D] float32 out; one string in place of a list is a `TypeError`."""

    name: str

    @property
    def dim(self) -> int:
        """Full width."""

    @property
    def dims(self) -> tuple[int, ...]:
        """Widths the model may be cut to, widest first."""

    @property
    def fingerprint(self) -> str:
        """Equal means equal vectors."""

    def encode_queries(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of queries [N, D]."""

    def encode_documents(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of documents [N, D]."""


def load_encoder(
    name: str | Path,
    max_length: int | None = None,
    precision: Precision = "fp32",
    server: ServerSettings | None = None,
) -> "Retriever | SentenceTransformerEncoder | ServerEncoder":
    """Open a retriever folder, a sentence-transformers model, a plain LLM or encoder (mean-pooled), or an
    embeddings API.

    Args:
        name: a folder, a short name of the catalog, a GGUF file, a hub id, or a server's address (see
            `drama.servers.embeddings_address`).
        max_length: cut texts to this many tokens instead of the model's own limit; a server's, to this many
            words.
        precision: type of matrix products; `auto` is bf16 if the processor has it, and the encoder's
            `precision` says which it is. A server has its own.
        server: how requests are sent to a server.

    Raises:
        DramaError: no such model, one that can't be loaded, or one that can't read texts of this length.
    """
    if is_server(str(name)):
        from drama.retriever.server import ServerEncoder

        return ServerEncoder(str(name), max_length, server)
    folder = resolve(name)
    settings = read_settings(folder)
    if settings is None:
        check_embeds(folder)
    # torch is loaded here, when the name and the folder have been found to be right
    from drama.compute import resolve_precision
    from drama.retriever.forward.positions import check_length
    from drama.retriever.model import Retriever
    from drama.retriever.sentence_transformer import SentenceTransformerEncoder

    if settings is None and for_sentence_transformers(folder):
        return SentenceTransformerEncoder(folder, str(name), max_length, precision)
    retriever = Retriever.from_llm(folder) if settings is None else Retriever.load(folder)
    retriever.name = str(name)
    retriever.precision = resolve_precision(precision, retriever.backbone.device)
    if max_length is not None:
        retriever.settings = retriever.settings.model_copy(update={"max_length": max_length})
    check_length(retriever.backbone, f"max_length of {name}", retriever.settings.max_length)
    return retriever
