"""Several rounds: shapes on the way, what is refused, the same result after a cut, figures of each."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, Gemma3TextConfig, LlamaConfig

from drama.errors import DramaError
from drama.prune import PruneSettings, prune
from drama.prune.planning import shapes_of_rounds
from drama.prune.shape.schedule import body_parameters
from drama.prune.shape.shape import Shape, child_config, parameters, parent_shape
from drama.prune.surgery.plan import PruningPlan, kept_through
from drama.records import Document, write_passages
from drama.workspace import read_events

LLAMA = LlamaConfig(
    vocab_size=97, hidden_size=96, intermediate_size=200, num_hidden_layers=8, num_attention_heads=12,
    num_key_value_heads=4, head_dim=8,
)  # fmt: skip
GEMMA = Gemma3TextConfig(
    vocab_size=97, hidden_size=96, intermediate_size=200, num_hidden_layers=8, num_attention_heads=4,
    num_key_value_heads=1, head_dim=24,
)  # fmt: skip


@pytest.mark.parametrize(
    ("config", "values"),
    [
        (LLAMA, {"shape": {"layers": 4, "hidden": 48, "heads": 4, "kv_heads": 2, "intermediate": 64}}),
        (LLAMA, {"gqa": "expanded", "shape": {"hidden": 50, "heads": 5, "intermediate": 64}}),
        (GEMMA, {"shape": {"layers": 3, "hidden": 40, "intermediate": 64}}),
        (LLAMA, {"method": "depth", "shape": {"layers": 2}}),
    ],
)
def test_every_round_has_a_shape_that_loads_near_its_share(config, values) -> None:
    settings = PruneSettings.parse({"schedule": [0.8, 0.5], **values}, "prune")
    shapes = shapes_of_rounds(settings, config)
    target = shapes[-1]
    assert target == shapes_of_rounds(settings.model_copy(update={"schedule": []}), config)[0]
    whole = parameters(config)[0]
    for shape, share in zip(shapes, settings.schedule, strict=False):
        child = child_config(config, shape, range(shape.layers))
        type(config).from_dict(child.to_dict())  # raises where transformers would not load it
        assert body_parameters(config)(shape) == parameters(child)[0]
        assert abs(parameters(child)[0] / whole - share) < (0.07 if shape.layers < 8 else 0.03)
        assert all(a >= b for a, b in zip(shape, target, strict=True))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schedule": [0.5, 0.5], "shape": {"layers": 2}}, "each below the one before"),
        ({"schedule": [1.0], "shape": {"layers": 2}}, "each below the one before"),
        (
            {"schedule": [0.2], "shape": {"layers": 2}},
            "0.2 is not above the planned shape's own share .* 0.25",
        ),
        (
            {"schedule": [0.4, 0.38], "method": "depth", "shape": {"layers": 1}},
            "two rounds would have the same shape",
        ),
    ],
)
def test_a_schedule_that_leads_elsewhere_is_refused(values, message) -> None:
    def plan() -> None:
        shapes_of_rounds(PruneSettings.parse(values, "prune"), LLAMA)

    with pytest.raises(DramaError, match=message):
        plan()


@pytest.mark.parametrize("method", ["importance", "shearing"])
def test_a_cut_in_the_second_round_changes_nothing(
    tiny_llm: Path, texts: list[str], tmp_path: Path, stopped_after: Any, method: str
) -> None:
    passages = tmp_path / "passages.parquet"
    write_passages(passages, [Document(f"d{i}", "", " ".join(texts[i:] + texts[:i])) for i in range(8)])
    values = {
        "parent": str(tiny_llm),
        "shape": {"layers": 2, "hidden": 32, "heads": 2, "kv_heads": 1, "intermediate": 48},
        "schedule": [0.6], "method": method,
        "recovery": {
            "steps": 6, "batch_size": 2, "max_length": 16, "checkpoint_every": 2, "hidden_weight": 0.3,
        },
    }  # fmt: skip
    if method == "shearing":
        values["shearing"] = {"steps": 4, "batch_size": 2, "checkpoint_every": 3}
    chosen = PruneSettings.parse(values, "prune")
    figures = prune(chosen, passages, tmp_path / "whole", seed=1).figures

    with stopped_after(9):
        prune(chosen, passages, tmp_path / "cut", seed=1)
    assert (tmp_path / "cut/round-1/model").is_dir()
    again = prune(chosen, passages, tmp_path / "cut", seed=1).figures
    assert again == figures
    whole, cut = (load_file(tmp_path / d / "model/model.safetensors") for d in ("whole", "cut"))
    assert all(torch.equal(tensor, cut[name]) for name, tensor in whole.items())
    steps = 2 * (6 + (4 if method == "shearing" else 0))
    events = [read_events(tmp_path / d / "events.jsonl") for d in ("whole", "cut")]
    assert [e["step"] for e in events[0]] == list(range(1, steps + 1))
    assert [e["loss"] for e in events[0]] == [e["loss"] for e in events[1]]
    first, last = figures["rounds"]
    assert 2 <= first["layers"] <= 4
    assert set(last["layers_kept"]) <= set(first["layers_kept"])
    assert figures["layers_kept"] == last["layers_kept"]
    assert all(e["hidden"] > 0 for e in events[0] if e["phase"] == "recovery")
    files = [tmp_path / f"whole/round-{n}/plan.json" for n in (1, 2)]
    channels, layers = kept_through(map(PruningPlan.read, files))
    plans = [json.loads(file.read_text()) for file in files]
    assert layers == figures["layers_kept"]
    assert channels == [plans[0]["hidden"][channel] for channel in plans[1]["hidden"]]
    shape = parent_shape(AutoConfig.from_pretrained(tmp_path / "whole/model"))
    assert shape == Shape(2, 32, 2, 1, 48)
    assert not list((tmp_path / "whole").glob("round-*/model"))
