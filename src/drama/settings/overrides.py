"""`--set a.b=c`: change one value of a recipe from the command line."""

from copy import deepcopy
from typing import Any

import yaml

from drama.errors import DramaError
from drama.settings.yaml_file import StrictLoader


def apply_overrides(values: dict[str, Any], assignments: list[str]) -> dict[str, Any]:
    """A copy of `values` with each `a.b=c` applied; c is read as YAML (numbers, lists, true, null).

    >>> apply_overrides({"train": {"steps": 10}}, ["train.steps=20", "corpus.inputs=[a, b]"])
    {'train': {'steps': 20}, 'corpus': {'inputs': ['a', 'b']}}

    Raises:
        DramaError: no `=`, an empty name, a value that is not valid YAML, or a path through a plain value.
    """
    result = deepcopy(values)
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        parts = name.strip().split(".")
        if not equals or not all(parts):
            raise DramaError(f"--set {assignment}: expected name.of.key=value")
        try:
            value = yaml.load(text, Loader=StrictLoader)
        except (yaml.YAMLError, ValueError) as error:
            raise DramaError(f"--set {assignment}: the value is not valid YAML ({error})") from None
        except RecursionError:
            raise DramaError(f"--set {name}: the value is nested too deeply") from None
        target = result
        for part in parts[:-1]:
            if target.get(part) is None:  # absent, or a heading with nothing under it
                target[part] = {}
            target = target[part]
            if not isinstance(target, dict):
                raise DramaError(f"--set {assignment}: '{part}' is a value, not a section")
        target[parts[-1]] = value
    return result
