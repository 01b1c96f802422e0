"""Prompt files: what they have in common, and the places in them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, Self

from drama.errors import DramaError
from drama.llm import Messages
from drama.settings import Section, read_yaml

_FOLDER = Path(__file__).parent
_YAML = (".yaml", ".yml")


class PromptFile(Section):
    """Base of prompts: a system turn, and a user's turn with `{places}`."""

    system: str
    user: str

    @classmethod
    def load(cls, name: str, use: Literal["queries", "triplets", "rerank"]) -> Self:
        """A built-in prompt for this use by name, or a user's YAML file by path.

        Raises:
            DramaError: no such prompt, broken YAML, an unknown key, or a missing place.
        """
        path = Path(name) if name.endswith(_YAML) else _FOLDER / use / f"{name}.yaml"
        if not name.endswith(_YAML) and not path.is_file():
            known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
            raise DramaError(f"no prompt '{name}'", hint=f"there are: {known}; or give the path of a .yaml")
        return cls.parse(read_yaml(path), where=str(path))


def prompt_inputs(names: Iterable[str]) -> dict[str, Path]:
    """The prompts among these names that are a user's own files, as inputs of the stage.

    >>> list(prompt_inputs(["question", "mine/short.yaml"]))
    ['prompt mine/short.yaml']
    """
    return {f"prompt {name}": Path(name) for name in names if name.endswith(_YAML)}


def check_places(key: str, text: str, places: Iterable[str]) -> None:
    """Check that a template has all of its places.

    Raises:
        ValueError: one is missing.
    """
    for place in places:
        if f"{{{place}}}" not in text:
            raise ValueError(f"{key} holds no {{{place}}}")


def fill(template: str, **values: str) -> str:
    """Put values into `{name}` places, in one pass: braces inside a value stay as they are.

    >>> fill("{query}: {text}", query="{text}", text="tea")
    '{text}: tea'
    """
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), template)


def chat(system: str, shots: Iterable[tuple[str, str]], user: str) -> Messages:
    """The messages of a few-shot prompt: each shot is a user's turn and its answer."""
    turns = [{"role": "system", "content": system}]
    for question, answer in shots:
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*turns, {"role": "user", "content": user}]
