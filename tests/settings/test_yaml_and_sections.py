"""Broken YAML, duplicate keys, empty headings; what a section says about a mistake."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.errors import DramaError, FileError
from drama.settings import Section, apply_overrides, read_yaml, write_yaml


class Inner(Section):
    layers: int = 4


class Outer(Section):
    name: str
    inner: Inner | None = None
    many: list[Inner] = []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: [\n", "line 3: not valid YAML"),
        (b"a: 1\nb: 2\na: 3\n", "line 3: not valid YAML (duplicate key 'a')"),
        (b"a:\n  x: 1\n  x: 2\n", "line 3: not valid YAML (duplicate key 'x')"),
        (b"a: \xff\n", "not valid YAML"),
        (b"a: \x00\n", "not valid YAML"),
        (b"- a\n", "expected keys and values, found list"),
    ],
)
def test_broken_yaml(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_bytes(content)
    with pytest.raises(FileError) as error:
        read_yaml(tmp_path / "r.yaml")
    assert message in error.value.message


def test_an_empty_file_is_an_empty_recipe(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("# nothing yet\n")
    assert read_yaml(tmp_path / "r.yaml") == {}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("aé日: -#", max_size=6),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text("ab", min_size=1), below, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text("xyz", min_size=1), values, max_size=4))
def test_yaml_comes_back(content: dict[str, Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        write_yaml(Path(folder) / "r.yaml", content, "a comment")
        assert read_yaml(Path(folder) / "r.yaml") == content


def test_a_heading_with_nothing_under_it_can_be_filled_from_the_command_line() -> None:
    assert apply_overrides({"corpus": None}, ["corpus.inputs=[a]"]) == {"corpus": {"inputs": ["a"]}}


def test_overrides_leave_what_they_were_given_alone() -> None:
    before = {"train": {"steps": 1}}
    apply_overrides(before, ["train.steps=2"])
    assert before == {"train": {"steps": 1}}


def test_a_path_through_a_value_is_refused() -> None:
    with pytest.raises(DramaError, match="'seed' is a value, not a section"):
        apply_overrides({"seed": 1}, ["seed.deep=2"])


@pytest.mark.parametrize(
    ("given_values", "message"),
    [
        ({}, "recipe.name: this key is required"),
        ({"name": "n", "inner": {"layer": 1}}, "recipe.inner.layer: unknown key\n  → did you mean 'layers'?"),
        (
            {"name": "n", "many": [{"layer": 1}]},
            "recipe.many.0.layer: unknown key\n  → did you mean 'layers'?",
        ),
        ({"name": "n", "zzz": 1}, "recipe.zzz: unknown key\n  → known keys: inner, many, name"),
        ([], "recipe: expected a section of keys, found list"),
    ],
)
def test_sections_name_the_mistake(given_values: Any, message: str) -> None:
    with pytest.raises(DramaError) as error:
        Outer.parse(given_values, where="recipe")
    assert str(error.value) == message
