"""The hand-written backward passes give transformers' numbers."""

from pathlib import Path

import pytest
import torch
from transformers import AutoModel, LlamaConfig, Qwen2Config, Qwen3Config
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from drama.retriever import Retriever
from drama.retriever.fused import GatedMLP, RMSNorm, fuse

SMALL = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
}  # fmt: skip


def gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    ids = torch.arange(20).reshape(2, 10)
    model.zero_grad()
    model(input_ids=ids).last_hidden_state.pow(3).sum().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("config", [LlamaConfig, Qwen2Config, Qwen3Config])
def test_a_fused_model_has_the_same_states_and_gradients(config: type) -> None:
    torch.manual_seed(0)
    model = AutoModel.from_config(config(**SMALL))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    states = model(input_ids=torch.arange(6).unsqueeze(0)).last_hidden_state
    plain = gradients(model)
    assert fuse(model) >= 2 * 3 + 1, "two norms and an MLP a layer, and the last norm"
    torch.testing.assert_close(model(input_ids=torch.arange(6).unsqueeze(0)).last_hidden_state, states)
    fused = gradients(model)
    assert fused.keys() == plain.keys()
    for name, gradient in fused.items():
        torch.testing.assert_close(
            gradient, plain[name], rtol=1e-4, atol=1e-3 * float(plain[name].abs().max())
        )


def test_gradients_are_those_of_finite_differences() -> None:
    torch.manual_seed(0)
    shapes = ((5, 4), (6, 4), (6, 4), (4, 6))
    inputs = [torch.randn(s, dtype=torch.float64, requires_grad=True) for s in shapes]
    assert torch.autograd.gradcheck(GatedMLP.apply, inputs)


def test_the_norm_is_that_of_transformers() -> None:
    torch.manual_seed(0)
    norm = LlamaRMSNorm(16, eps=1e-5)
    torch.nn.init.normal_(norm.weight)
    x = torch.randn(3, 7, 16, requires_grad=True)
    expected = torch.autograd.grad(norm(x).pow(3).sum(), (x, norm.weight))
    got = torch.autograd.grad(RMSNorm.apply(x, norm.weight, 1e-5).pow(3).sum(), (x, norm.weight))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_saved_weights_do_not_know_of_it(tiny_llm: Path, texts: list[str], tmp_path: Path) -> None:
    retriever = Retriever.from_llm(tiny_llm)
    before = retriever.encode_documents(texts)
    fuse(retriever.backbone)
    retriever.save(tmp_path / "model")
    again = Retriever.load(tmp_path / "model")
    assert abs(again.encode_documents(texts) - before).max() < 1e-6
