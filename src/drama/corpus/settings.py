"""The `corpus` section of a recipe."""

from typing import Self

from pydantic import Field, model_validator

from drama.corpus.passages.settings import ChunkSettings
from drama.corpus.readers.hub_dataset import SCHEME
from drama.language.codes import Language
from drama.settings import Section
from drama.workspace import Needs


class CorpusSettings(Section):
    """Where documents come from."""

    inputs: list[str] = ["python-docs"]
    """Each `python-docs`, a BEIR folder (only its corpus is read), a file or folder in a known format (see
    `drama corpus --help`; fields with other names: `papers.csv?text=abstract&id=doi`), or
    `hf://owner/name?split=train&text=body`."""
    languages: list[Language] = []
    """The languages of documents that name none; an empty list: any that can be detected; one: that one,
    without detection."""
    strict: bool = False
    """Stop at the first file in a folder that can't be read; off: leave out, count and list such files."""
    chunk: ChunkSettings = ChunkSettings()
    near_duplicates: float | None = Field(default=None, gt=0.0, lt=1.0)
    """Leave out texts that are this similar to an earlier one (Jaccard); None keeps them."""
    max_documents: int | None = Field(default=None, ge=2)
    """Keep a seeded sample of this many documents, with all their passages; None keeps all. `python-docs` is
    sampled separately."""
    known_items: int = Field(default=300, ge=1)
    """Judged queries that are made from `python-docs`."""

    @model_validator(mode="after")
    def _languages_once(self) -> Self:
        if len({*self.languages}) < len(self.languages) or not all(self.languages):
            raise ValueError(f"languages must name each language once: {self.languages}")
        return self

    def needs(self) -> Needs:
        """The tokenizer that counts a chunk's tokens, the reader of hub datasets, and the splitter of Thai
        for a corpus that is said to be Thai."""
        extras = [("datasets", "datasets")] if any(name.startswith(SCHEME) for name in self.inputs) else []
        if "th" in self.languages:
            extras += [("pythainlp", "thai"), ("pycrfsuite", "thai")]
        return Needs(
            models=[self.chunk.tokenizer] if self.chunk.tokenizer else [],
            extras=extras,
        )
