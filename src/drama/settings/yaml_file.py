"""Reading and writing YAML with errors that name the line."""

from pathlib import Path
from typing import Any

import yaml

from drama.errors import FileError
from drama.files import write_text
from drama.files.reading import is_text, read_text


class StrictLoader(yaml.SafeLoader):
    """Refuses equal keys, of which YAML would ignore the first, and strings that no file can hold: with a NUL
    or half a character."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"duplicate key '{key.value}'", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> Any:
        value = super().construct_scalar(node)
        if isinstance(value, str) and ("\0" in value or not is_text(value)):
            raise yaml.MarkedYAMLError(problem="not a text", problem_mark=node.start_mark)
        return value


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        FileError: missing file, broken YAML or a duplicate key (with its line), or no mapping.
    """
    if not path.is_file():
        raise FileError(path, "no such file")
    try:
        values = yaml.load(read_text(path), Loader=StrictLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise FileError(path, f"not valid YAML ({error.problem})", line=line) from None
    except (yaml.YAMLError, ValueError) as error:
        raise FileError(path, f"not valid YAML ({error})") from None
    except RecursionError:
        raise FileError(path, "not valid YAML (nested too deeply)") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise FileError(path, f"expected keys and values, found {type(values).__name__}")
    return values


def write_yaml(path: Path, values: dict[str, Any], comment: str) -> None:
    """Write a mapping as YAML after a line of comment, atomically, keys in the given order."""
    write_text(path, f"# {comment}\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}")
