"""A backbone with dropout in its config trains without: the same numbers on every path, and on a resume."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoConfig, BertConfig, BertModel, BertTokenizerFast, LlamaForCausalLM

from drama.train import TrainSettings, train
from drama.train.backbone import no_dropout
from drama.train.trainer import Trainer
from drama.workspace import read_events

NAMES = {"bert": ["hidden_dropout_prob", "attention_probs_dropout_prob"], "llama": ["attention_dropout"]}
HOW = {
    "steps": 8, "batch": {"size": 4}, "checkpoint_every": 3, "retriever": {"max_length": 64},
}  # fmt: skip


@pytest.fixture(scope="module")
def bert(texts: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random encoder with BERT's own dropout, 0.1."""
    folder = tmp_path_factory.mktemp("bert")
    words = sorted({word.strip(".,").lower() for text in texts for word in text.split()})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", "query", ":", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **sizes)
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def llama(tiny_llm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny LLM with dropout in its attention."""
    folder = tmp_path_factory.mktemp("llama")
    for file in tiny_llm.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"attention_dropout": 0.3}))
    return folder


def run(inputs: Any, backbone: Path, out: Path, **compute: object) -> list[float]:
    """Train; returns the losses."""
    compute = {"precision": "fp32", "fused": False, **compute}
    settings = TrainSettings.parse(HOW | {"compute": compute}, "train")
    train(settings, backbone, inputs.passages, inputs.examples, out, 3)
    return [event["loss"] for event in read_events(out / "events.jsonl")]


@pytest.mark.parametrize("backbone", ["bert", "llama"])
@pytest.mark.parametrize(
    "path",
    [{"kept_tokens": 40, "chunk_tokens": 64}, {"padding_free": False}, {"gradient_checkpointing": True}],
    ids=["cached", "padded", "checkpointed"],
)
def test_every_path_has_the_same_losses(
    inputs: Any, tmp_path: Path, request: pytest.FixtureRequest, backbone: str, path: dict[str, object]
) -> None:
    folder = request.getfixturevalue(backbone)
    plain = run(inputs, folder, tmp_path / "plain")
    assert run(inputs, folder, tmp_path / "other", **path) == pytest.approx(plain, rel=1e-4)


@pytest.mark.parametrize("backbone", ["bert", "llama"])
def test_resume_equals_an_uninterrupted_run_and_the_config_is_kept(
    inputs: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    backbone: str,
) -> None:
    folder = request.getfixturevalue(backbone)
    whole = run(inputs, folder, tmp_path / "whole")
    step = Trainer.step

    def stops(self: Trainer, number: int) -> dict[str, object]:
        if number == 4:
            raise KeyboardInterrupt
        return step(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stops)
        with pytest.raises(KeyboardInterrupt):
            run(inputs, folder, tmp_path / "cut")
    torch.manual_seed(1)
    assert run(inputs, folder, tmp_path / "cut") == whole
    one, other = (load_file(tmp_path / n / "model/model.safetensors") for n in ("whole", "cut"))
    assert all(torch.equal(tensor, other[name]) for name, tensor in one.items())
    before, after = (AutoConfig.from_pretrained(place) for place in (folder, tmp_path / "whole/model"))
    for name in NAMES[backbone]:
        assert getattr(after, name) == getattr(before, name) > 0


def test_all_values_are_back_after_the_block(llama: Path) -> None:
    model = LlamaForCausalLM.from_pretrained(llama).train()
    with suppress(KeyboardInterrupt), no_dropout(model):
        assert model.config.attention_dropout == model.model.layers[0].self_attn.attention_dropout == 0.0
        raise KeyboardInterrupt
    assert model.config.attention_dropout == model.model.layers[0].self_attn.attention_dropout == 0.3
