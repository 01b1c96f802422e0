"""The section `train`: old keys name their new place, and phases inherit the keys of the section."""

import re

import pytest
from pydantic import BaseModel

from drama.errors import DramaError
from drama.settings.section import _section_at
from drama.train import TrainSettings
from drama.train.settings import PhaseSettings


def exists(name: str) -> bool:
    """Whether a dotted name of the section is a key."""
    *path, key = name.removeprefix("train.").split(".")
    section: type[BaseModel] = _section_at(TrainSettings, path)
    return key in section.model_fields


@pytest.mark.parametrize("old", TrainSettings.moved)
def test_an_old_key_names_one_that_exists(old: str) -> None:
    with pytest.raises(DramaError, match=rf"^train\.{old}: this key (has moved|was removed)"):
        TrainSettings.parse({old: 1}, "train")
    assert not exists(f"train.{old}")
    for place in re.findall(r"train[\w.]+", TrainSettings.moved[old]):
        assert exists(place), place


@pytest.mark.parametrize("old", PhaseSettings.moved)
def test_an_old_key_of_a_phase_names_one_that_exists(old: str) -> None:
    with pytest.raises(DramaError, match=rf"phases\.0\.{old}: this key (has moved|was removed)"):
        TrainSettings.parse({"phases": [{old: 1}]}, "train")
    section, _, key = PhaseSettings.moved[old].partition(" ")[0].rstrip(":").partition(".")
    if section:
        assert key in _section_at(PhaseSettings, [section]).model_fields


def test_phases_are_completed_once_and_saved_whole() -> None:
    values = {
        "steps": 10,
        "batch": {"size": 8, "weights": {"by": "kind", "temperature": 2.0}},
        "loss": {"temperature": 0.1, "distill": {"kl_weight": 0.5}},
        "phases": [
            {"share": 0.5, "batch": {"negatives": 0, "weights": None}},
            {"share": 0.5, "loss": {"distill": {"margin_weight": 1.0}}},
        ],
    }
    settings = TrainSettings.parse(values, "train")
    first, second = settings.run_phases
    assert (first.batch.size, first.batch.negatives, first.batch.weights) == (8, 0, None)
    assert first.loss == settings.loss
    assert second.batch == settings.batch
    assert (second.loss.temperature, second.loss.distill.margin_weight) == (0.1, 1.0)
    assert second.loss.distill.kl_weight == 0.0  # a section inside a section is taken as a whole
    assert TrainSettings.parse(settings.model_dump(mode="json"), "train") == settings
