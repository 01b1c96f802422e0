"""Prompt files, by name or by path, and the places in them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from drama.errors import DramaError
from drama.settings import read_yaml

_FOLDER = Path(__file__).parent
_YAML = (".yaml", ".yml")


def prompt_inputs(names: Iterable[str]) -> dict[str, Path]:
    """The prompts among these names that are a user's own files, as inputs of the stage.

    >>> list(prompt_inputs(["question", "mine/short.yaml"]))
    ['prompt mine/short.yaml']
    """
    return {f"prompt {name}": Path(name) for name in names if name.endswith(_YAML)}


def read_prompt(name: str, use: Literal["queries", "triplets", "rerank"]) -> tuple[Path, dict[str, Any]]:
    """A built-in prompt by name, or a user's YAML file by path: its path and its keys.

    Raises:
        DramaError: no such prompt, or broken YAML.
    """
    if name.endswith(_YAML):
        return Path(name), read_yaml(Path(name))
    path = _FOLDER / use / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise DramaError(f"no prompt '{name}'", hint=f"there are: {known}; or give the path of a .yaml")
    return path, read_yaml(path)


def check_places(path: Path, key: str, text: str, places: Iterable[str]) -> None:
    """Check that a template has every one of its places.

    Raises:
        DramaError: one is missing.
    """
    for place in places:
        if f"{{{place}}}" not in text:
            raise DramaError(f"{path}: {key} holds no {{{place}}}", hint="say where it goes")


def fill(template: str, **values: str) -> str:
    """Put values into `{name}` places, in one pass: braces inside a value stay as they are.

    >>> fill("{query}: {text}", query="{text}", text="tea")
    '{text}: tea'
    """
    return re.sub(r"\{(\w+)\}", lambda m: values.get(m[1], m[0]), template)


def chat(system: str, shots: Iterable[tuple[str, str]], user: str) -> list[dict[str, str]]:
    """The messages of a few-shot prompt: each shot is a user's turn and its answer."""
    turns = [{"role": "system", "content": system}]
    for question, answer in shots:
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return [*turns, {"role": "user", "content": user}]
