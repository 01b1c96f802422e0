"""The `corpus` section of a recipe."""

from typing import Self

from pydantic import Field, model_validator

from drama.settings import Section


class ChunkSettings(Section):
    """Long documents in pieces."""

    tokens: int | None = Field(default=None, ge=16)
    """Longest passage, with its title, BOS and EOS; None keeps documents whole. The paper's is 256."""
    tokenizer: str | None = None
    """The model whose tokens are counted; None is the recipe's LLM, `prune.parent`."""

    @model_validator(mode="after")
    def _tokenizer_for_something(self) -> Self:
        if self.tokens is None and self.tokenizer is not None:
            raise ValueError("tokenizer is set, but documents are kept whole: set tokens")
        return self


class CorpusSettings(Section):
    """Where documents come from."""

    inputs: list[str] = ["python-docs"]
    """Each `python-docs`, a BEIR folder (only its corpus is read), a .jsonl, .csv or .tsv, a passages
    .parquet, a folder of .txt, .md and .html files, or `hf://owner/name?split=train&text=body`."""
    languages: list[str] = []
    """What the language of documents that name none may be; none given: any that can be detected; one: that
    one, without a look at the text."""
    chunk: ChunkSettings = ChunkSettings()
    near_duplicates: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Leave out texts that are this similar to an earlier one (Jaccard); None keeps them."""
    max_documents: int | None = Field(default=None, ge=2)
    """Keep a seeded sample of this many passages; None keeps all."""
    known_items: int = Field(default=300, ge=1)
    """Judged queries that are made from `python-docs`."""

    @model_validator(mode="after")
    def _languages_once(self) -> Self:
        if len({*self.languages}) < len(self.languages) or not all(self.languages):
            raise ValueError(f"languages must name each language once: {self.languages}")
        return self
