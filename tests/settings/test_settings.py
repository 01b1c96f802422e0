"""Unknown keys, wrong types, and --set."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drama.errors import DramaError, FileError
from drama.recipe import load_recipe
from drama.settings import apply_overrides, read_yaml


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"train": {"stepz": 1}}, r"train\.stepz: unknown key\n.*'steps'"),
        (
            {"train": {"loss": {"distill": {"kl_wight": 1}}}},
            r"train\.loss\.distill\.kl_wight: unknown key\n.*'kl_weight'",
        ),
        ({"train": {"batch_size": 4}}, r"train\.batch_size: this key has moved\n.*write train\.batch\.size"),
        ({"train": {"compile": True}}, r"train\.compile: this key was removed\n.*leave it out"),
        ({"trian": {}}, r"trian: unknown key\n.*'train'"),
        ({"train": {"steps": "many"}}, r"train\.steps: expected a whole number"),
        ({"train": {"steps": -1}}, r"train\.steps: must be at least 0"),
        ({"preset": "tinny"}, r"no preset 'tinny'\n.*'tiny'"),
    ],
)
def test_recipes_name_the_mistake(values, message, tmp_path) -> None:
    import yaml

    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({"run": "x", **values}))
    with pytest.raises(DramaError, match=message):
        load_recipe(path, [])


def test_overrides_win_over_the_preset_and_the_file(tmp_path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("run: x\npreset: tiny\nprune: {shape: {layers: 3}}\n")
    assert load_recipe(path, []).prune.shape.layers == 3
    assert load_recipe(path, ["prune.shape.layers=4"]).prune.shape.layers == 4
    assert load_recipe(path, ["preset=drama-0.1b"]).train.retriever.dims == (64, 128, 256, 512, 768)


@pytest.mark.parametrize("bad", ["noequals", "=1", "a..b=1", "a.b=[1"])
def test_bad_overrides(bad: str) -> None:
    with pytest.raises(DramaError, match="--set"):
        apply_overrides({}, [bad])


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4), st.integers())
def test_overrides_set_exactly_one_value(path: list[str], value: int) -> None:
    result = apply_overrides({}, [f"{'.'.join(path)}={value}"])
    for part in path:
        result = result[part]
    assert result == value


def test_broken_yaml_names_its_line(tmp_path) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text("run: x\ntrain: [1\n")
    with pytest.raises(FileError, match=r"line \d"):
        read_yaml(path)
