"""A prompt for a list of texts, as a YAML file: system, the user's turn, and one passage's line."""

from collections.abc import Sequence
from pathlib import Path

from drama.augment.rerank.sliding import Window
from drama.errors import DramaError
from drama.llm import Messages, fill, read_prompt_file
from drama.settings import Section

FOLDER = Path(__file__).parent / "prompts"


class ListPrompt(Section):
    """A chat prompt about the texts of a window.

    >>> prompt = ListPrompt(system="Rank.", user="{query}: {passages} ({count})", passage="[{id}] {text}")
    >>> prompt.messages(Window("tea", ["green", "black"]), ["1", "2"])[-1]["content"]
    'tea: [1] green\\n[2] black (2)'
    """

    system: str
    user: str
    """`{query}`, `{passages}` and, if wanted, `{count}` stand for the window's."""
    passage: str
    """One line of `{passages}`: `{id}` and `{text}`."""

    def messages(self, window: Window, identifiers: Sequence[str]) -> Messages:
        """The chat that asks for the order of a window."""
        lines = [
            fill(self.passage, id=identifier, text=text)
            for identifier, text in zip(identifiers, window.texts, strict=False)
        ]
        values = {"query": window.query, "passages": "\n".join(lines), "count": str(len(lines))}
        return [
            {"role": "system", "content": fill(self.system, **values)},
            {"role": "user", "content": fill(self.user, **values)},
        ]


def load_list_prompt(name: str) -> ListPrompt:
    """A prompt of ours by name (`listwise`, `first_identifier`), or a YAML file of yours by path.

    Raises:
        DramaError: no such prompt, broken YAML, an unknown key, or a place that is missing.
    """
    path, values = read_prompt_file(name, FOLDER)
    prompt = ListPrompt.parse(values, where=str(path))
    for key, text, places in (
        ("user", prompt.user, ("{query}", "{passages}")),
        ("passage", prompt.passage, ("{id}", "{text}")),
    ):
        for place in places:
            if place not in text:
                raise DramaError(f"{path}: {key} holds no {place}", hint="say where it goes")
    return prompt
