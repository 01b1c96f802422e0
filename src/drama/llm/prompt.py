"""Prompts as YAML files: system, few-shot pairs, and the user's turn with a `{text}` in it."""

from importlib.resources import files
from pathlib import Path

from drama.errors import DramaError
from drama.settings import Section, read_yaml

Messages = list[dict[str, str]]


class Shot(Section):
    """One example: a text and the answer to it."""

    text: str
    answer: str


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

    def messages(self, text: str) -> Messages:
        """The chat that asks about `text`."""
        chat = [{"role": "system", "content": self.system}]
        for shot in self.shots:
            chat.append({"role": "user", "content": self.user.replace("{text}", shot.text)})
            chat.append({"role": "assistant", "content": shot.answer})
        return [*chat, {"role": "user", "content": self.user.replace("{text}", text)}]


def load_prompt(name: str) -> Prompt:
    """A prompt of ours by name, or a YAML file of yours by path.

    Raises:
        DramaError: no such prompt, broken YAML, an unknown key, or no `{text}` in `user`.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
    else:
        folder = Path(str(files("drama.llm") / "prompts"))
        path = folder / f"{name}.yaml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in folder.glob("*.yaml")))
            raise DramaError(f"no prompt '{name}'", hint=f"there are: {known}; or give the path of a .yaml")
    prompt = Prompt.parse(read_yaml(path), where=str(path))
    if "{text}" not in prompt.user:
        raise DramaError(f"{path}: user holds no {{text}}", hint="say where the document goes")
    return prompt
