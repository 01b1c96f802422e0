"""Maker: a section of the settings, and the queries that it makes."""

from abc import abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from drama.augment.candidate import Candidate
from drama.augment.context import Context
from drama.records import Documents
from drama.settings import Section

LanguageCheck = Literal["detector", "none"]
"""Whether what an LLM wrote must not be in another language than asked for."""


class Maker(Section):
    """Base of the sections that make queries. `drama.augment.kinds` lists them."""

    kinds: ClassVar[tuple[str, ...]]
    """The kinds of rows that it can make."""
    from_documents: ClassVar[bool] = True
    """Whether each query is made from one document of the corpus: such queries can be reranked."""
    by_name: ClassVar[bool] = True
    """Whether a kind's name is enough to make it (`drama augment --kinds`)."""

    @abstractmethod
    def on(self) -> list[str]:
        """The kinds that these settings make."""

    @abstractmethod
    def make(self, documents: Documents, context: Context) -> Iterator[Candidate]:
        """Yield the queries, none where nothing is on.

        Raises:
            DramaError: something that the settings name is missing.
        """

    def llms(self) -> list[str]:
        """Names of the LLMs that are asked."""
        return []

    def inputs(self) -> dict[str, Path]:
        """Name → file that is read besides the corpus.

        Raises:
            FileError: one is missing.
        """
        return {}

    @classmethod
    def only(cls, kinds: Collection[str], documents: int, llm: str) -> dict[str, Any]:
        """The section's keys that make these of its kinds and no others, for `drama augment --kinds`.

        Args:
            kinds: names, also those of other makers.
            documents: how many the corpus has.
            llm: the LLM to ask.
        """
        return {}
