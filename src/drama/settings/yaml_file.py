"""Reading and writing YAML with errors that name the line."""

from pathlib import Path
from typing import Any

import yaml

from drama.errors import FileError
from drama.files import write_text


class _UniqueKeys(yaml.SafeLoader):
    """YAML lets the last of two equal keys win; a recipe must not ignore the first silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"duplicate key '{key.value}'", problem_mark=key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML mapping.

    Raises:
        FileError: missing file, broken YAML or a duplicate key (with its line), or no mapping.
    """
    if not path.is_file():
        raise FileError(path, "no such file")
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_UniqueKeys)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise FileError(path, f"not valid YAML ({error.problem})", line=line) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FileError(path, f"not valid YAML ({error})") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise FileError(path, f"expected keys and values, found {type(values).__name__}")
    return values


def write_yaml(path: Path, values: dict[str, Any], comment: str) -> None:
    """Write a mapping as YAML after a line of comment, atomically, keys in the given order."""
    write_text(path, f"# {comment}\n{yaml.safe_dump(values, sort_keys=False, allow_unicode=True)}")
