"""Any sentence-transformers model as an encoder: as the labelling retriever, or to compare with."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from drama.compute import Precision, autocast, default_device, resolve_precision
from drama.errors import MissingExtraError, check_list
from drama.files import fingerprint, fingerprint_path
from drama.retriever.forward.positions import check_length
from drama.retriever.vectors import Array, check_dim, truncate


def is_sentence_transformer(folder: Path) -> bool:
    """True if the folder has sentence-transformers' `modules.json`."""
    return (folder / "modules.json").is_file()


class SentenceTransformerEncoder:
    """A wrapper with our names; prompts `query` and `document` are the model's own.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
        DramaError: the model can't read texts of `max_length` tokens.
    """

    def __init__(
        self, folder: Path, name: str, max_length: int | None = None, precision: Precision = "fp32"
    ) -> None:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError:
            raise MissingExtraError("sentence_transformers", "sentence-transformers") from None
        self.name = name
        self._model: Any = SentenceTransformer(str(folder), device=str(default_device()))
        if max_length is not None:
            check_length(self._model, f"max_length of {name}", max_length)
            self._model.max_seq_length = max_length
        self.precision = resolve_precision(precision, self._model.device)
        how = [fingerprint_path(folder), self._model.max_seq_length]
        self.fingerprint = fingerprint(how if self.precision == "fp32" else [*how, self.precision])
        """A hash of the folder's files, the length limit and the precision."""

    @property
    def dim(self) -> int:
        """Full width."""
        return int(self._model.get_embedding_dimension())

    @property
    def dims(self) -> tuple[int, ...]:
        """Only the full width: the folder does not record others that the model was trained at."""
        return (self.dim,)

    def encode_queries(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of queries [N, D] with the model's own query prompt."""
        return self._vectors(self._model.encode_query, texts, dim)

    def encode_documents(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of documents [N, D] with the model's own document prompt."""
        return self._vectors(self._model.encode_document, texts, dim)

    def _vectors(self, encode: Callable[..., Any], texts: Sequence[str], dim: int | None) -> Array:
        check_list(texts, "texts")
        width = check_dim(self.name, dim, self.dims)
        with autocast(self.precision, self._model.device):
            vectors_ND = encode(
                list(texts), convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False
            )
        return truncate(np.asarray(vectors_ND, dtype=np.float32).reshape(-1, self.dim), width)
