"""A prompt about a list of texts: system, the user's turn, and one passage's line."""

from collections.abc import Sequence
from typing import Self

from pydantic import model_validator

from drama.augment.prompts.prompt_file import PromptFile, chat, check_places, fill
from drama.llm import Messages


class ListPrompt(PromptFile):
    """A chat prompt that asks for the order of some texts. `user` has places for `{query}`, `{passages}` and,
    optionally, `{count}`.

    >>> prompt = ListPrompt(system="Rank.", user="{query}: {passages} ({count})", passage="[{id}] {text}")
    >>> prompt.messages("tea", ["green", "black"], ["1", "2"])[-1]["content"]
    'tea: [1] green\\n[2] black (2)'
    """

    passage: str
    """One line of `{passages}`: `{id}` and `{text}`."""

    @model_validator(mode="after")
    def _has_its_places(self) -> Self:
        check_places("user", self.user, ["query", "passages"])
        check_places("passage", self.passage, ["id", "text"])
        return self

    def messages(self, query: str, texts: Sequence[str], identifiers: Sequence[str]) -> Messages:
        """The chat that asks for the order of the texts; there may be more identifiers than texts."""
        pairs = zip(identifiers, texts, strict=False)
        lines = [fill(self.passage, id=identifier, text=text) for identifier, text in pairs]
        values = {"query": query, "passages": "\n".join(lines), "count": str(len(lines))}
        return chat(fill(self.system, **values), [], fill(self.user, **values))
