"""Prompts as YAML files: system, few-shot pairs, and the user's turn with a `{text}` in it."""

import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from drama.errors import DramaError
from drama.settings import Section, read_yaml

Messages = list[dict[str, str]]


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
    """What the whole answer may take."""

    def read(self, answer: str) -> str | None:
        """The query; None where a label is missing, stands twice, or is out of order."""
        found = [
            (label, value.strip())
            for line in answer.splitlines()
            for label, colon, value in [line.strip().partition(":")]
            if colon and label.strip() in self.labels
        ]
        if [label for label, _ in found] != self.labels:
            return None
        return dict(found)[self.query]


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
        chat = [{"role": "system", "content": self.system}]
        for shot in self.shots:
            chat.append({"role": "user", "content": self.user.replace("{text}", shot.text)})
            chat.append({"role": "assistant", "content": shot.answer})
        return [*chat, {"role": "user", "content": self.user.replace("{text}", text)}]


def as_text(messages: Messages) -> str:
    """A chat as plain text, for an LLM that was not trained on chats: an answer stands behind its question,
    turns are apart by a blank line.

    >>> shot = [{"role": "user", "content": "Tea. Query:"}, {"role": "assistant", "content": "a cup"}]
    >>> as_text([*shot, {"role": "user", "content": "Rain. Query:"}])
    'Tea. Query: a cup\\n\\nRain. Query:'
    """
    text = ""
    for message in messages:
        gap = " " if message["role"] == "assistant" else "\n\n" if text else ""
        text += gap + message["content"].strip()
    return text


def without_system(messages: Messages) -> Messages:
    """A chat whose system turn stands before the first question, for templates that know no system turn.

    >>> without_system([{"role": "system", "content": "Ask."}, {"role": "user", "content": "Tea."}])
    [{'role': 'user', 'content': 'Ask.\\n\\nTea.'}]
    """
    if messages[0]["role"] != "system":
        return messages
    system, first, *rest = messages
    return [{"role": first["role"], "content": f"{system['content']}\n\n{first['content']}"}, *rest]


def fill(template: str, **values: str) -> str:
    """Put values into `{name}` places, in one pass: braces inside a value stay as they are.

    >>> fill("{query}: {text}", query="{text}", text="tea")
    '{text}: tea'
    """
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), template)


def read_prompt_file(name: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The keys of a prompt of ours in `folder` by name, or of a YAML file of yours by path.

    Raises:
        DramaError: no such prompt, or broken YAML.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    else:
        path = folder / f"{name}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in folder.glob("*.yaml")))
            raise DramaError(f"no prompt '{name}'", hint=f"there are: {known}; or give the path of a .yaml")
    return path, read_yaml(path)


def load_prompt(name: str, folder: Path | None = None) -> Prompt:
    """A prompt of ours by name, or a YAML file of yours by path.

    Args:
        name: of a file in `folder`, or a path that ends in .yaml.
        folder: where ours are; None is the folder of prompts that write queries.

    Raises:
        DramaError: no such prompt, broken YAML, an unknown key, no `{text}` in `user`, or an `answer` without
            its query.
    """
    path, values = read_prompt_file(name, folder or Path(str(files("drama.llm") / "prompts")))
    prompt = Prompt.parse(values, where=str(path))
    if "{text}" not in prompt.user:
        raise DramaError(f"{path}: user holds no {{text}}", hint="say where the document goes")
    if prompt.answer is not None and prompt.answer.query not in prompt.answer.labels:
        raise DramaError(f"{path}: answer.query '{prompt.answer.query}' is none of answer.labels")
    return prompt
