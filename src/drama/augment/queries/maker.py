"""Maker: a section of the settings, and the queries that it makes."""

from abc import abstractmethod
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator

from drama.augment.candidate import Candidate
from drama.augment.context import Context, LLMSettings
from drama.records import Documents
from drama.settings import Section


def _without_script(value: object) -> object:
    if value == "script":
        raise ValueError("'script' was removed: `detector` looks at the script too, and is the default")
    return value


LanguageCheck = Annotated[Literal["detector", "none"], BeforeValidator(_without_script)]


class Maker(Section):
    """Base of the sections that make queries. `drama.augment.kinds` lists them."""

    kinds: ClassVar[dict[str, str]]
    """Kind of rows → the key that says how many are made; 0: none."""
    from_documents: ClassVar[bool] = True
    """Whether each query is made from one document of the corpus: such queries can be reranked."""
    by_name: ClassVar[bool] = True
    """Whether a kind's name is enough to make it (`drama augment --kinds`)."""
    amount: ClassVar[int | None] = 1
    """The value that `drama augment --kinds` gives to these keys; None: the number of documents."""

    @abstractmethod
    def make(self, documents: Documents, context: Context) -> Iterator[Candidate]:
        """Yield the queries; called only where `on` names a kind.

        Raises:
            DramaError: no such file, LLM or prompt, an LLM that does not answer, or nothing that can be used.
        """

    def on(self) -> list[str]:
        """The kinds that these settings make."""
        return [kind for kind, key in self.kinds.items() if getattr(self, key)]

    def inputs(self) -> dict[str, Path]:
        """Name → file that is read in addition to the corpus."""
        return {}

    @classmethod
    def only(cls, kinds: Collection[str], documents: int, llm: str) -> dict[str, Any]:
        """The section's keys that make these of its kinds and no others, for `drama augment --kinds`.

        `kinds` may name those of other makers too; `documents` is the size of the corpus.
        """
        amount = documents if cls.amount is None else cls.amount
        keys = {key: amount * (kind in kinds) for kind, key in cls.kinds.items() if cls.by_name}
        return {**keys, "llm": llm} if issubclass(cls, LLMSettings) else keys
