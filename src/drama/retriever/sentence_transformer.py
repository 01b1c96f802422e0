"""Any sentence-transformers model as an encoder: as the labelling retriever, or to compare with."""

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from drama.compute import Precision, autocast, default_device, resolve_precision
from drama.console import note
from drama.errors import MissingExtraError, check_list
from drama.files import fingerprint
from drama.models.open import open_sentence_transformer
from drama.retriever.fingerprint import of_config, of_tensors, of_tokenizer
from drama.retriever.forward.positions import check_length, longest_text
from drama.retriever.vectors import Array, check_dim, truncate


class SentenceTransformerEncoder:
    """A wrapper with our names; prompts `query` and `document` are the model's own.

    Raises:
        MissingExtraError: sentence-transformers is not installed.
        DramaError: the model can't be opened, or can't read texts of `max_length` tokens.
    """

    def __init__(
        self, folder: Path, name: str, max_length: int | None = None, precision: Precision = "fp32"
    ) -> None:
        if find_spec("sentence_transformers") is None:
            raise MissingExtraError("sentence_transformers", "sentence-transformers")
        self.name = name
        self._model: Any = open_sentence_transformer(folder, default_device())
        longest, own = longest_text(self._model), self._model.max_seq_length
        if max_length is not None:
            check_length(self._model, f"max_length of {name}", max_length)
            self._model.max_seq_length = max_length
        elif longest is not None and own is not None and own > longest:
            note(f"{name}: texts are cut to {longest} tokens; it says {own}, and has no positions for them")
            self._model.max_seq_length = longest
        self.precision = resolve_precision(precision, self._model.device)

    @property
    def fingerprint(self) -> str:
        """A hash of weights, modules, tokenizer, prompts, length limit and precision, as they are now."""
        model = self._model
        modules = [module for module in model.modules() if module is not model]
        how = [
            of_tensors(model.state_dict()),
            [[type(m).__name__, m.get_config_dict()] for m in modules if hasattr(m, "get_config_dict")],
            [of_config(m.config) for m in modules if hasattr(m, "config") and hasattr(m.config, "to_dict")][
                :1
            ],
            [model.prompts, model.default_prompt_name, model.truncate_dim, model.max_seq_length],
            of_tokenizer(model.tokenizer),
        ]
        return fingerprint(how if self.precision == "fp32" else [*how, self.precision])

    @property
    def longest(self) -> int | None:
        """Tokens of the longest text that is read to its end; None where it is not known."""
        longest: int | None = self._model.max_seq_length
        return longest

    @property
    def document_prefix(self) -> str:
        """What stands before documents."""
        prompts = self._model.prompts
        return str(prompts.get("document") or prompts.get("passage") or "")

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
