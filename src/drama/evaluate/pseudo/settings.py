"""The `quality` section of a recipe."""

from typing import Literal

from pydantic import Field

from drama.settings import Section

Kind = Literal["question", "title", "heading", "sentence"]
KINDS: tuple[Kind, ...] = ("question", "title", "heading", "sentence")
"""The rarest first: a document gives one query."""


class QualitySettings(Section):
    """Figures for the user's own corpus: which system finds a document by what was taken out of it?"""

    queries: int = Field(default=300, ge=0)
    """Pseudo-queries of each kind; 0: no figures."""
    passages: int = Field(default=4000, ge=100)
    """Passages among which they are searched: a sample, where the corpus has more."""
    kinds: list[Kind] = ["title", "sentence"]
    """`title`: a document's title; `sentence`: a sentence, for the rest of its document; and two that were
    not compared with judgments, `heading`: a section's, and `question`: asked by an LLM
    (`augment.synthesize`). What is asked is taken out of the document."""
