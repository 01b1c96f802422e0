"""A prompt about one text: system, few-shot pairs, and the user's turn with a `{text}` in it."""

from typing import Self

from pydantic import model_validator

from drama.augment.prompts.labelled import labelled_lines, opened
from drama.augment.prompts.prompt_file import PromptFile, chat, check_places, fill
from drama.llm import Messages
from drama.settings import Section


class Shot(Section):
    """One example: a text and the answer to it."""

    text: str
    answer: str


class AnswerLines(Section):
    """The lines of an answer, each a label, a colon and a value.

    >>> lines = AnswerLines(labels=["Task", "Query"], query="Query", tokens=64)
    >>> lines.read("Task: find pages\\nQuery: why is rain wet")
    'why is rain wet'
    >>> lines.read("Query: why is rain wet") is None
    True
    """

    labels: list[str]
    """In their order."""
    query: str
    """The label of the line that holds the query."""
    tokens: int
    """Tokens that the whole answer may take."""

    @model_validator(mode="after")
    def _query_has_a_label(self) -> Self:
        if self.query not in self.labels:
            raise ValueError(f"query '{self.query}' is not among the labels")
        return self

    def read(self, answer: str) -> str | None:
        """The query; None where a label is missing, repeated or out of order."""
        _, parts = labelled_lines(opened(answer, self.labels) or "", self.labels)
        if [part.label for part in parts] != self.labels:
            return None
        return parts[self.labels.index(self.query)].text.strip().partition("\n")[0].strip()


class TextPrompt(PromptFile):
    """A chat prompt for one text.

    >>> prompt = TextPrompt(system="Ask.", user="On {text}", shots=[Shot(text="tea", answer="What is tea?")])
    >>> [m["role"] for m in prompt.messages("rain")]
    ['system', 'user', 'assistant', 'user']
    >>> prompt.messages("rain")[-1]["content"]
    'On rain'
    """

    shots: list[Shot] = []
    answer: AnswerLines | None = None
    """None: the answer is the query."""

    @model_validator(mode="after")
    def _has_its_place(self) -> Self:
        check_places("user", self.user, ["text"])
        return self

    def messages(self, text: str) -> Messages:
        """The chat that asks about `text`."""
        shots = [(fill(self.user, text=shot.text), shot.answer) for shot in self.shots]
        return chat(self.system, shots, fill(self.user, text=text))
