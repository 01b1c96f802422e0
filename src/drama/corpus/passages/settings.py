"""How long documents are cut."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drama.errors import DramaError
from drama.settings import Section


class ChunkSettings(Section):
    """Long documents in passages."""

    tokens: Annotated[int, Field(ge=16)] | Literal["auto"] | None = "auto"
    """Longest passage, with its title, BOS and EOS. `auto` is what the student reads,
    `train.retriever.max_length`; but documents stay whole where `augment.supervised` is used, whose judgments
    are of whole ones. None keeps them whole. The paper's is 256."""
    overlap: int = Field(default=0, ge=0)
    """Tokens of whole sentences that a passage repeats from the one before, at most a quarter of `tokens`;
    none where a heading begins it."""
    tokenizer: str | None = None
    """The model whose tokens are counted; None is the recipe's LLM, `prune.parent`."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.tokens is None and (self.tokenizer is not None or self.overlap):
            name = "overlap" if self.overlap else "tokenizer"
            raise ValueError(f"{name} is set, but documents are kept whole: set tokens")
        if isinstance(self.tokens, int) and self.overlap > self.tokens // 4:
            raise ValueError(f"overlap {self.overlap} is more than a quarter of tokens ({self.tokens})")
        return self

    def tokenizer_file(self) -> Path | None:
        """The tokenizer's file; None where documents are kept whole.

        Raises:
            DramaError: no model is named, or it has no such file.
        """
        if not isinstance(self.tokens, int):
            return None
        if self.tokenizer is None:
            raise DramaError(
                "corpus.chunk.tokens counts a model's tokens, and no model is named",
                hint="set corpus.chunk.tokenizer: the LLM that will be pruned, or any model",
            )
        from drama.models import resolve  # imports torch

        return tokenizer_in(resolve(self.tokenizer))


def tokenizer_in(folder: Path) -> Path:
    """The file of a model's fast tokenizer.

    Raises:
        DramaError: it has none.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise DramaError(
            f"{file}: no such file",
            hint="name a model with a fast tokenizer in corpus.chunk.tokenizer, or keep documents whole: "
            "corpus.chunk.tokens: null",
        )
    return file
