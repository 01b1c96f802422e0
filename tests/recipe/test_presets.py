"""Presets: what they give, what wins over them, and that every recipe we ship is valid."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import drama
from drama.errors import DramaError
from drama.recipe import Recipe, load_recipe
from drama.recipe.presets import PRESETS, with_preset

RECIPES = sorted((Path(drama.__file__).parent / "recipes").glob("*.yaml"))

keys = st.sampled_from(["layers", "hidden", "heads", "intermediate"])


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_valid_recipe(name: str) -> None:
    recipe = Recipe.parse(with_preset({"run": "r", "preset": name}), "")
    assert recipe.preset == name
    dims = recipe.train.retriever.dims
    assert max(dims) <= (recipe.prune.shape.hidden or 576)


@pytest.mark.parametrize(
    ("name", "shape", "batch", "dims"),
    [
        ("drama-0.1b", (12, 768, 12, 3072), (2048, 7), (64, 128, 256, 512, 768)),
        ("drama-0.3b", (16, 1024, 16, 4096), (1024, 7), (64, 128, 256, 512, 768, 1024)),
    ],
)
def test_the_papers_shapes_and_batches(
    name: str, shape: tuple[int, ...], batch: tuple[int, int], dims: tuple[int, ...]
) -> None:
    recipe = Recipe.parse(with_preset({"run": "r", "preset": name}), "")
    p = recipe.prune.shape
    assert (p.layers, p.hidden, p.heads, p.intermediate) == shape
    assert (recipe.train.batch.size, recipe.train.batch.negatives) == batch
    assert recipe.train.retriever.dims == dims


@given(st.dictionaries(keys, st.integers(1, 99)), st.sampled_from(sorted(PRESETS)))
def test_own_keys_win_and_the_rest_stays(own: dict[str, int], name: str) -> None:
    values: dict[str, Any] = {"preset": name, "prune": {"shape": own}}
    merged = with_preset(values)
    preset = PRESETS[name]["prune"]
    for key in {*own, *preset["shape"]}:
        assert merged["prune"]["shape"][key] == own.get(key, preset["shape"].get(key))
    assert merged["prune"].get("method") == preset.get("method")
    assert values == {"preset": name, "prune": {"shape": own}}  # the input is left as it was


def test_merging_leaves_the_preset_as_it_was() -> None:
    before = yaml.safe_dump(PRESETS)
    merged = with_preset({"preset": "tiny", "train": {"retriever": {"dims": [8]}}})
    assert merged["train"]["retriever"] == {"dims": [8], "max_length": 128}
    assert yaml.safe_dump(PRESETS) == before


def test_an_unknown_preset_without_a_near_one_lists_all() -> None:
    with pytest.raises(DramaError, match="there are: tiny, small, drama-0"):
        with_preset({"preset": "zzz"})


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_shipped_recipes_are_valid_and_come_back_from_their_saved_form(path: Path, tmp_path: Path) -> None:
    recipe = load_recipe(path, [])
    saved = tmp_path / "recipe.yaml"
    saved.write_text(yaml.safe_dump(recipe.model_dump(mode="json")))
    assert load_recipe(saved, []) == recipe
