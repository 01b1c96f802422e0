"""A prompt about a list of texts: system, the user's turn, and one passage's line."""

from collections.abc import Sequence

from drama.augment.prompts.read import chat, check_places, fill, read_prompt
from drama.llm import Messages
from drama.settings import Section


class ListPrompt(Section):
    """A chat prompt that asks for the order of some texts.

    >>> prompt = ListPrompt(system="Rank.", user="{query}: {passages} ({count})", passage="[{id}] {text}")
    >>> prompt.messages("tea", ["green", "black"], ["1", "2"])[-1]["content"]
    'tea: [1] green\\n[2] black (2)'
    """

    system: str
    user: str
    """Has places for `{query}`, `{passages}` and, optionally, `{count}`."""
    passage: str
    """One line of `{passages}`: `{id}` and `{text}`."""

    def messages(self, query: str, texts: Sequence[str], identifiers: Sequence[str]) -> Messages:
        """The chat that asks for the order of the texts; identifiers may be more than texts."""
        lines = [
            fill(self.passage, id=identifier, text=text)
            for identifier, text in zip(identifiers, texts, strict=False)
        ]
        values = {"query": query, "passages": "\n".join(lines), "count": str(len(lines))}
        return chat(fill(self.system, **values), [], fill(self.user, **values))


def load_list_prompt(name: str) -> ListPrompt:
    """A built-in prompt by name (`listwise`, `first_identifier`), or a user's YAML file by path.

    Raises:
        DramaError: no such prompt, broken YAML, an unknown key, or a missing place.
    """
    path, values = read_prompt(name, "rerank")
    prompt = ListPrompt.parse(values, where=str(path))
    check_places(path, "user", prompt.user, ["query", "passages"])
    check_places(path, "passage", prompt.passage, ["id", "text"])
    return prompt
