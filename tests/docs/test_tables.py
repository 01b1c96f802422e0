"""The tables of settings in docs/ are those that `make docs` writes."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Literal

import pytest
from pydantic import Field

from drama.recipe import Recipe
from drama.settings import Section

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tables", DOCS / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tables"] = module
    spec.loader.exec_module(module)
    return module


class Inner(Section):
    """What is inside."""

    words: int = Field(default=3, ge=1)
    """Words of a text,
    at most."""
    rate: float = 1.5e-4


class Outer(Section):
    inner: Inner = Inner(words=7)
    optional: Inner | None = None
    several: list[Inner] = []
    """Parts | pieces."""
    how: Literal["this", "that"] = "this"
    needed: str


class Whole(Section):
    outer: Outer


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_the_tables_of_a_page_are_current(page: Path, tables: ModuleType) -> None:
    text = page.read_text(encoding="utf-8")
    assert tables.with_tables(text, Recipe) == text, "run `make docs`"


def test_a_table_holds_keys_defaults_and_meanings(tables: ModuleType) -> None:
    assert tables.table(Outer, "outer.").splitlines()[2:] == [
        "| `outer.inner.words` | `7` | Words of a text, at most. |",
        "| `outer.inner.rate` | `1.5e-4` |  |",
        "| `outer.optional` | none | What is inside. Keys as in `outer.inner`. |",
        "| `outer.several` | none | Parts \\| pieces. Keys as in `outer.inner`. |",
        "| `outer.how` | `this` | one of `this`, `that` |",
        "| `outer.needed` | required |  |",
    ]


def test_tables_are_put_after_their_markers_and_replaced(tables: ModuleType) -> None:
    page = "# Page\n\n<!-- settings: outer -->\n\nbetween\n\n<!-- settings: inner -->\n\nafter\n"
    once = tables.with_tables(page, Whole)
    assert [line for line in once.splitlines() if line in ("# Page", "between", "after")] == [
        "# Page",
        "between",
        "after",
    ]
    assert once.count("`outer.inner.words`") == 2
    assert once.count("<!-- end -->") == 2
    assert tables.with_tables(once, Whole) == once
    stale = once.replace("| `outer.needed` | required |  |\n", "")
    assert stale != once
    assert tables.with_tables(stale, Whole) == once


def test_a_section_that_does_not_exist_is_refused(tables: ModuleType) -> None:
    with pytest.raises(ValueError, match="nothing: 0 sections"):
        tables.with_tables("<!-- settings: nothing -->\n", Recipe)
