"""A prompt about one text: system, few-shot pairs, and the user's turn with a `{text}` in it."""

from typing import Literal

from drama.augment.prompts.labelled import labelled_lines
from drama.augment.prompts.read import chat, check_places, read_prompt
from drama.errors import DramaError
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

    def read(self, answer: str) -> str | None:
        """The query; None where a label is missing, repeated or out of order."""
        _, parts = labelled_lines(answer, self.labels)
        if [part.label for part in parts] != self.labels:
            return None
        text = parts[self.labels.index(self.query)].text
        return text.partition("\n")[0].strip()


class Prompt(Section):
    """A chat prompt for one text.

    >>> prompt = Prompt(system="Ask.", user="About: {text}", shots=[Shot(text="tea", answer="What is tea?")])
    >>> [m["role"] for m in prompt.messages("rain")]
    ['system', 'user', 'assistant', 'user']
    >>> prompt.messages("rain")[-1]["content"]
    'About: rain'
    """

    system: str
    user: str
    shots: list[Shot] = []
    answer: AnswerLines | None = None
    """None: the answer is the query."""

    def messages(self, text: str) -> Messages:
        """The chat that asks about `text`."""
        shots = [(self.user.replace("{text}", shot.text), shot.answer) for shot in self.shots]
        return chat(self.system, shots, self.user.replace("{text}", text))


def load_prompt(name: str, use: Literal["queries", "rerank"] = "queries") -> Prompt:
    """A built-in prompt by name, or a user's YAML file by path.

    Args:
        name: of a built-in prompt for this use, or a path that ends in .yaml.
        use: writing queries, or reranking by query likelihood.

    Raises:
        DramaError: no such prompt, broken YAML, an unknown key, no `{text}` in `user`, or an `answer` without
            its query.
    """
    path, values = read_prompt(name, use)
    prompt = Prompt.parse(values, where=str(path))
    check_places(path, "user", prompt.user, ["text"])
    if prompt.answer is not None and prompt.answer.query not in prompt.answer.labels:
        raise DramaError(f"{path}: answer.query '{prompt.answer.query}' is none of answer.labels")
    return prompt
