"""An encoder as the start: whole or its lowest layers; what is for an LLM is refused."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    AutoModel,
    ModernBertConfig,
    MPNetConfig,
    PreTrainedConfig,
    RobertaConfig,
    XLMRobertaConfig,
)

from drama.errors import DramaError
from drama.files import write_json
from drama.prune import PruneSettings, planned_rounds, prune
from drama.records import Document, write_passages
from drama.retriever import load_encoder


@pytest.fixture
def passages(tmp_path: Path, texts: list[str]) -> Path:
    write_passages(tmp_path / "passages.parquet", [Document(f"d{i}", "", t) for i, t in enumerate(texts)])
    return tmp_path / "passages.parquet"


def settings(parent: Path, **values: object) -> PruneSettings:
    return PruneSettings.parse({"parent": str(parent), "method": "first", **values}, "prune")


def test_whole_it_is_the_parent(bert: Path, passages: Path, tmp_path: Path, texts: list[str]) -> None:
    manifest = prune(settings(bert), passages, tmp_path / "out")
    assert manifest.figures["layers_kept"] == [0, 1, 2]
    np.testing.assert_array_equal(
        load_encoder(tmp_path / "out/model").encode_documents(texts),
        load_encoder(bert).encode_documents(texts),
    )


def test_the_lowest_layers_compute_what_they_did(bert: Path, passages: Path, tmp_path: Path) -> None:
    prune(settings(bert, shape={"layers": 2}), passages, tmp_path / "out")
    ids = torch.tensor([[2, 7, 8, 9, 3]])
    with torch.inference_mode():
        states = AutoModel.from_pretrained(bert)(ids, output_hidden_states=True).hidden_states
        cut = AutoModel.from_pretrained(tmp_path / "out/model")(ids).last_hidden_state
    torch.testing.assert_close(cut, states[2])
    assert planned_rounds(settings(bert, shape={"layers": 2}))[-1].layers == 2


SIZE = {
    "vocab_size": 90, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
    "num_attention_heads": 4, "max_position_embeddings": 66, "pad_token_id": 0,
}  # fmt: skip
FAMILIES: dict[str, PreTrainedConfig] = {
    "roberta": RobertaConfig(**SIZE),
    "xlm-roberta": XLMRobertaConfig(**SIZE),
    "mpnet": MPNetConfig(**SIZE),
    "modernbert": ModernBertConfig(**SIZE, global_attn_every_n_layers=2),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_cut_at_its_layers(family: str, bert: Path, passages: Path, tmp_path: Path) -> None:
    parent = tmp_path / family
    shutil.copytree(bert, parent)
    (parent / "model.safetensors").unlink()
    torch.manual_seed(1)
    AutoModel.from_config(FAMILIES[family]).save_pretrained(parent)
    prune(settings(parent, shape={"layers": 2}), passages, tmp_path / "out")
    ids = torch.tensor([[2, 7, 8, 9, 3]])
    with torch.inference_mode():
        whole = AutoModel.from_pretrained(parent).eval()
        expected = whole(ids, output_hidden_states=True).hidden_states[2]
        if family == "modernbert":  # the norm comes after the last layer, whichever that is
            expected = whole.final_norm(expected)
        cut = AutoModel.from_pretrained(tmp_path / "out/model").eval()(ids).last_hidden_state
    torch.testing.assert_close(cut, expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"method": "importance"}, r"prune\.method: importance is for an LLM.*\n.*method: first"),
        ({"shape": {"layers": 4}}, r"prune\.shape\.layers: 4 is above the parent's 3"),
        ({"shape": {"hidden": 16}}, r"prune\.shape\.hidden is for an LLM, and the parent is an encoder"),
        ({"recovery": {"steps": 4}}, r"prune\.recovery is for an LLM"),
        ({"vocabulary": {}}, r"prune\.vocabulary is for an LLM"),
        ({"schedule": [0.5]}, r"prune\.schedule is for an LLM"),
        ({"domains": {"by": "source"}}, r"prune\.domains is for an LLM"),
    ],
)
def test_what_is_for_an_llm_is_refused(
    bert: Path, passages: Path, tmp_path: Path, values: dict[str, object], message: str
) -> None:
    with pytest.raises(DramaError, match=message):
        prune(settings(bert, **values), passages, tmp_path / "out")


def test_a_model_that_pools_its_first_token_is_refused(bert: Path, passages: Path, tmp_path: Path) -> None:
    parent = tmp_path / "cls"
    shutil.copytree(bert, parent)
    write_json(
        parent / "1_Pooling/config.json", {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    )
    with pytest.raises(DramaError, match="not the mean over tokens"):
        prune(settings(parent), passages, tmp_path / "out")
