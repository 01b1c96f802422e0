"""Writes the tables of settings in `docs/*.md` from the settings' classes: `make docs`.

A line `<!-- settings: train -->` says where a table goes; the table and a line `<!-- end -->` are written
after it. A name is a section of the recipe (`train`), the path of a section in one (`train.loss`), or the
end of such a path where it is unique (`retriever`).
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from drama.settings import SameResult

PAGES = Path(__file__).parent
REDOES_NOTHING = "*Another value redoes nothing.*"
"""After the meaning of a key that does not change the result."""
BEGIN, CLOSE, END = "<!-- settings: ", " -->", "<!-- end -->"


def table(section: type[BaseModel], prefix: str) -> str:
    """A Markdown table of a section's keys, those of nested sections included."""
    rows = [
        f"| `{key}` | {default} | {meaning} |" for key, default, meaning in _rows(section, prefix, None, {})
    ]
    return "\n".join(["| key | default | meaning |", "|---|---|---|", *rows])


def with_tables(text: str, recipe: type[BaseModel]) -> str:
    """A page with its tables as they should be."""
    lines: list[str] = []
    old = False  # inside a table that was written before
    source = text.splitlines()
    for number, line in enumerate(source):
        if old:
            old = line != END
            continue
        lines.append(line)
        if line.startswith(BEGIN) and line.endswith(CLOSE):
            name = line.removeprefix(BEGIN).removesuffix(CLOSE)
            path, section = _find(recipe, name)
            lines += ["", table(section, path + "."), "", END]
            rest = source[number + 1 :]
            following = next((i for i, later in enumerate(rest) if later.startswith(BEGIN)), len(rest))
            old = END in rest[:following]
    return "\n".join(lines) + "\n"


def _find(recipe: type[BaseModel], name: str) -> tuple[str, type[BaseModel]]:
    """The section that a marker names, and its path in the recipe."""
    found = {path: section for path, section in _sections(recipe, "") if f".{path}".endswith(f".{name}")}
    if name in found:
        return name, found[name]
    if len(found) != 1:
        raise ValueError(f"settings: {name}: {len(found)} sections of that name: {sorted(found)}")
    return next(iter(found.items()))


def _sections(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        nested, _ = _nested(field)
        if nested is not None:
            yield f"{path}{name}", nested
            yield from _sections(nested, f"{path}{name}.")


def _rows(
    section: type[BaseModel], prefix: str, values: BaseModel | None, seen: dict[type[BaseModel], str]
) -> Iterator[tuple[str, str, str]]:
    """(key, default, meaning) of each key; `values` are the defaults where they are not the section's own.

    A section that may be absent and has the keys of one that is in the table already refers to that one.
    """
    docs = _docstrings(section)
    seen.setdefault(section, prefix.rstrip("."))
    for name, field in section.model_fields.items():
        key = f"{prefix}{name}"
        if any(isinstance(each, SameResult) for each in field.metadata):
            docs[name] = f"{docs.get(name, '').strip()} {REDOES_NOTHING}"
        default = field.get_default(call_default_factory=True) if values is None else getattr(values, name)
        nested, many = _nested(field)
        if nested is None:
            yield key, _written(default), _joined(docs.get(name, ""), _choices(field))
            continue
        inner = f"{key}{'[]' if many else ''}"
        if isinstance(default, BaseModel):
            if name in docs:
                yield key, "", _joined(docs[name], "")
            yield from _rows(nested, f"{inner}.", default, seen)
            continue
        meaning = docs.get(name) or inspect.getdoc(nested) or ""
        if nested in seen:
            yield key, "none", _joined(f"{meaning} Keys as in `{seen[nested]}`.", "")
        else:
            yield key, "none", _joined(meaning, "")
            yield from _rows(nested, f"{inner}.", None, seen)


def _nested(field: FieldInfo) -> tuple[type[BaseModel] | None, bool]:
    """The section a key holds, and whether it is a list of them."""
    kinds: list[tuple[Any, bool]] = [(field.annotation, False)]
    for kind, many in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind, many
        kinds += [
            (each, many or getattr(kind, "__origin__", None) in (list, tuple)) for each in get_args(kind)
        ]
    return None, False


def _docstrings(section: type[BaseModel]) -> dict[str, str]:
    """The string under each key of a class and of those it inherits from."""
    found: dict[str, str] = {}
    for each in reversed(section.__mro__):
        if not issubclass(each, BaseModel) or each is BaseModel:
            continue
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(tree, ast.ClassDef)
        for key, string in zip(tree.body, tree.body[1:], strict=False):
            if not (isinstance(key, ast.AnnAssign) and isinstance(key.target, ast.Name)):
                continue
            if isinstance(string, ast.Expr) and isinstance(string.value, ast.Constant):
                found[key.target.id] = inspect.cleandoc(str(string.value.value))
    return found


def _written(value: Any) -> str:
    """A default as one writes it in a recipe."""
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ([], (), {}, ""):
        return "none"
    if isinstance(value, float):
        return (
            f"`{value:g}`" if value == 0 or abs(value) >= 1e-3 else f"`{Decimal(repr(value)).normalize():e}`"
        )
    if isinstance(value, tuple):
        value = list(value)
    return "`" + yaml.safe_dump(value, default_flow_style=True, width=10_000).split("\n...")[0].strip() + "`"


def _choices(field: FieldInfo) -> str:
    """The words a key may be, where there are only so many."""
    words: list[str] = []
    kinds = [field.annotation]
    for kind in kinds:
        kinds += [each for each in get_args(kind) if not isinstance(each, str)]
        words += [each for each in get_args(kind) if isinstance(each, str)]
    return "one of " + ", ".join(f"`{word}`" for word in words) if words else ""


def _joined(meaning: str, choices: str) -> str:
    """Both on one line; the choices only where the docstring does not name them all."""
    line = " ".join(meaning.split()).replace("|", "\\|")
    if choices and not all(word in line for word in choices.removeprefix("one of ").split(", ")):
        line = f"{line.rstrip('.')}; {choices}" if line else choices
    return line


def main() -> None:
    """Rewrite all pages."""
    from drama.recipe import Recipe

    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        written = with_tables(text, Recipe)
        if written != text:
            page.write_text(written, encoding="utf-8")
            print(page)


if __name__ == "__main__":
    main()
