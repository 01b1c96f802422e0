"""Retriever: texts in, unit vectors out. The same path serves training, mining, evaluation and search.

Legend: B texts in a batch, L tokens (padded), D dimensions, N texts.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch

from drama.compute import Precision, autocast, default_device, resolve_precision
from drama.console import note
from drama.errors import DramaError, check_list
from drama.files import fingerprint
from drama.models import resolve
from drama.retriever.backbone import last_token_reaches_first, load_backbone
from drama.retriever.fingerprint import of_config, of_tensors, of_tokenizer
from drama.retriever.folder import write_folder
from drama.retriever.forward.choose import choose
from drama.retriever.forward.packed import packs
from drama.retriever.forward.positions import longest_text
from drama.retriever.head import read_head
from drama.retriever.lexical import LexicalBranch, joined
from drama.retriever.pooling import normalise, pool
from drama.retriever.settings import SETTINGS, RetrieverSettings, read_settings
from drama.retriever.tokens import retriever_tokenizer, tokenise
from drama.retriever.vectors import Array, check_dim

TOKENS_PER_BATCH = 4096
"""Padded tokens in one forward pass: long texts go in small batches, short ones in large."""


class Retriever:
    """A dense retriever (paper, section 2): bidirectional backbone, pooling, prefix, trained dims.

    Example::

        from drama import Retriever

        retriever = Retriever.load("runs/quickstart/train/model")
        scores_QN = retriever.encode_queries(["how to open a file"]) @ retriever.encode_documents(texts).T
    """

    def __init__(
        self,
        backbone: Any,
        tokenizer: Any,
        settings: RetrieverSettings,
        name: str,
        head: torch.nn.Linear | None = None,
        lexical: LexicalBranch | None = None,
    ) -> None:
        self.backbone, self.tokenizer, self.head, self.lexical = backbone, tokenizer, head, lexical
        self.settings, self.name = settings, name
        self.precision: Precision = "fp32"
        self.fused = True
        self.packs = packs(backbone)
        if not self.packs:
            note(f"{name}: {backbone.config.model_type} layers can't take texts end to end; they go padded")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Open a retriever folder that `drama train` (or `save`) wrote.

        Raises:
            DramaError: no such model, or the folder is not a retriever's.
        """
        folder = resolve(path)
        settings = read_settings(folder)
        if settings is None:
            raise DramaError(
                f"{folder}: not a retriever folder (no drama.json)",
                hint="train one with `drama train`, or use Retriever.from_llm for a plain LLM",
            )
        retriever = cls._open(folder, settings, str(path))
        if settings.lexical is not None:
            retriever.lexical = LexicalBranch.read(folder)
        if retriever.dims[0] > retriever.dim:
            raise DramaError(
                f"{folder / SETTINGS}: dims: {retriever.dims[0]} is above the model's width {retriever.dim}",
                hint="the file is of another model",
            )
        return retriever

    @classmethod
    def from_llm(cls, path: str | Path, settings: RetrieverSettings | None = None) -> Self:
        """A plain causal LM as an encoder, untrained: where training starts, and the floor to compare with.

        Without settings: attention as it was trained (an LLM's is causal, an encoder's bidirectional), mean
        pooling, no prefix; an LLM's texts are cut at 512 tokens, an encoder's at its own limit.
        """
        return cls._open(resolve(path), settings, str(path))

    @classmethod
    def _open(cls, folder: Path, settings: RetrieverSettings | None, name: str) -> Self:
        backbone = load_backbone(folder, None if settings is None else settings.bidirectional)
        tokenizer = retriever_tokenizer(folder)
        if settings is None:
            settings = _untrained(backbone, tokenizer)
        tokenizer.model_max_length = settings.max_length
        head, device = read_head(folder), default_device()
        backbone.to(device)
        head = head if head is None else head.to(device)
        return cls(backbone, tokenizer, settings, name, head)

    @property
    def semantic_dim(self) -> int:
        """Width of what `forward` computes: without the lexical branch."""
        width: int = self.backbone.config.hidden_size
        return width if self.head is None else self.head.out_features

    @property
    def dim(self) -> int:
        """Full width D."""
        return self.semantic_dim + (0 if self.lexical is None else self.lexical.dims)

    @property
    def dims(self) -> tuple[int, ...]:
        """Widths the model was trained at, widest first; the full width is always one of them, and so is that
        without the lexical branch."""
        return tuple(sorted({*self.settings.dims, self.semantic_dim, self.dim}, reverse=True))

    @property
    def longest(self) -> int:
        """Tokens of the longest text that is read to its end."""
        return self.settings.max_length

    @property
    def document_prefix(self) -> str:
        """What stands before documents."""
        return self.settings.document_prefix

    @property
    def fingerprint(self) -> str:
        """A hash of weights, settings, config, tokenizer and precision as they are now: equal means equal
        vectors."""
        how = [of_tensors(self.tensors()), self.settings.model_dump(mode="json")]
        how += [of_config(self.backbone.config), self._rules(self.tokenizer)]
        how += [] if self.lexical is None else [of_tensors(self.lexical.tensors())]
        precision = resolve_precision(self.precision, self.backbone.device)
        return fingerprint(how if precision == "fp32" else [*how, precision])

    @staticmethod
    @lru_cache(maxsize=8)
    def _rules(tokenizer: Any) -> str:
        """The tokenizer's hash: a large vocabulary takes a second, and nobody changes it in place."""
        return of_tokenizer(tokenizer)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The weights by name: the backbone's, and `head` where there is one."""
        found: dict[str, torch.Tensor] = dict(self.backbone.state_dict())
        return found if self.head is None else found | {"head": self.head.weight}

    def parameters(self) -> list[torch.nn.Parameter]:
        """The backbone's parameters, and the head's."""
        return [*self.backbone.parameters(), *(self.head.parameters() if self.head is not None else ())]

    def check_trainable_dims(self) -> None:
        """Refuse widths that the backbone does not have."""
        bad = [d for d in self.settings.dims if not 1 <= d <= self.dim]
        if bad:
            raise DramaError(
                f"train.retriever.dims: {bad} do not fit the backbone's width of {self.dim}",
                hint=f"give widths from 1 to {self.dim}",
            )

    def encode_queries(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of queries: [N, D] float32 of unit length; `dim` cuts to a trained width."""
        check_list(texts, "texts")
        return self._encode([self.settings.query_prefix + text for text in texts], dim)

    def encode_documents(self, texts: Sequence[str], dim: int | None = None) -> Array:
        """Vectors of documents: [N, D] float32 of unit length; `dim` cuts to a trained width."""
        check_list(texts, "texts")
        return self._encode([self.settings.document_prefix + text for text in texts], dim)

    def tokens(self, texts: Sequence[str], kind: str, max_length: int | None = None) -> list[list[int]]:
        """Token ids of texts with their prefix; `kind` is `query` or `document`."""
        check_list(texts, "texts")
        prefix = self.settings.query_prefix if kind == "query" else self.settings.document_prefix
        return tokenise(self.tokenizer, [prefix + t for t in texts], max_length or self.settings.max_length)

    def forward(self, tokens: Sequence[Sequence[int]], padded: bool = False) -> torch.Tensor:
        """Vectors [B, D] of one batch of token ids, with gradient, not normalised, float32.

        `forward.choose` chooses the way through the layers; `padded` asks for the padded one.
        """
        with autocast(self.precision, self.backbone.device):
            longest = max(map(len, tokens))
            states = choose(self.backbone, longest, self.packs and not padded, self.fused)
            states_TD, length_B = states(self.backbone, tokens)
            pooled_BD = pool(states_TD.float(), length_B, self.settings.pooling)
        return pooled_BD if self.head is None else self.head(pooled_BD)

    def save(self, folder: Path) -> None:
        """Write the folder that this class, sentence-transformers and transformers load unchanged."""
        write_folder(folder, self.backbone, self.head, self.lexical, self.tokenizer, self.settings, self.dims)

    def encode_tokens(self, tokens: Sequence[Sequence[int]], dim: int | None = None) -> Array:
        """Vectors of texts that `tokens` has read: [N, D] float32 of unit length; `dim` cuts to a trained
        width. For a server, which cuts texts into tokens while others are encoded."""
        width = check_dim(self.name, dim, self.dims)
        vectors_ND = np.zeros((len(tokens), width), dtype=np.float32)
        was_training = self.backbone.training
        self.backbone.eval()
        with torch.inference_mode():
            for rows in length_batches([len(ids) for ids in tokens]):
                pooled_BD = self.forward([tokens[row] for row in rows])
                own_BD = normalise(pooled_BD, width).cpu().numpy()
                vectors_ND[rows] = (
                    own_BD if width <= self.semantic_dim else self._joined(own_BD, rows, tokens)
                )
        self.backbone.train(was_training)
        return vectors_ND

    def _encode(self, texts: Sequence[str], dim: int | None) -> Array:
        check_dim(self.name, dim, self.dims)
        return self.encode_tokens(tokenise(self.tokenizer, texts, self.settings.max_length), dim)

    def _joined(self, own_BD: Array, rows: Sequence[int], tokens: Sequence[Sequence[int]]) -> Array:
        """The vectors of some texts with their lexical part."""
        assert self.lexical is not None
        assert self.settings.lexical is not None
        return joined(
            own_BD, self.lexical.vectors([tokens[row] for row in rows]), self.settings.lexical.weight
        )


def _untrained(backbone: Any, tokenizer: Any) -> RetrieverSettings:
    """Settings of a model that was not trained as a retriever, as sentence-transformers would read it."""
    bidirectional = last_token_reaches_first(backbone)
    default: int = RetrieverSettings.model_fields["max_length"].default
    limits = [limit for limit in (longest_text(backbone), tokenizer.model_max_length) if limit is not None]
    own = int(min(limits, default=default))
    return RetrieverSettings(
        query_prefix="",
        bidirectional=bidirectional,
        max_length=own if bidirectional and own < 1_000_000 else min(default, own),
    )


def length_batches(lengths: Sequence[int], budget: int = TOKENS_PER_BATCH) -> Iterator[list[int]]:
    """Rows in batches of like length, longest first, each at most `budget` padded tokens.

    >>> list(length_batches([3, 9, 4, 10], budget=20))
    [[3, 1], [2, 0]]
    """
    order = sorted(range(len(lengths)), key=lambda row: (-lengths[row], row))
    start = 0
    while start < len(order):
        size = max(1, budget // max(1, lengths[order[start]]))
        yield order[start : start + size]
        start += size
