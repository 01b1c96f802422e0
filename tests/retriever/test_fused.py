"""The hand-written decoder layer gives transformers' numbers."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModel, Gemma3TextConfig, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from drama.retriever import Retriever
from drama.retriever.forward.fused import RMSNorm, can_fuse, fused_states
from drama.retriever.forward.packed import packed_states

SMALL = {
    "vocab_size": 64, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 0,
}  # fmt: skip
TEXTS = [[5, 6, 7, 8, 9, 10, 11], [12], [3, 4, 3]]


def random_model(config: type, **changed: Any) -> Any:
    torch.manual_seed(0)
    model = AutoModel.from_config(config(**(SMALL | changed)))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


def states_and_gradients(model: Any, states: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    model.zero_grad()
    states_TD, length_B = states(model, TEXTS)
    assert length_B.tolist() == [7, 1, 3]
    states_TD.float().pow(3).sum().backward()
    return states_TD.detach(), {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
@pytest.mark.parametrize(("causal", "frozen"), [(False, True), (True, False)])
@pytest.mark.parametrize("config", [LlamaConfig, MistralConfig, Qwen2Config])
def test_states_and_gradients_are_those_of_transformers(
    config: type, causal: bool, frozen: bool, kv_heads: int
) -> None:
    model = random_model(config, num_key_value_heads=kv_heads)
    model.config.is_causal = causal
    model.embed_tokens.requires_grad_(not frozen)
    assert can_fuse(model)
    expected_TD, plain = states_and_gradients(model, packed_states)
    got_TD, fused = states_and_gradients(model, fused_states)
    torch.testing.assert_close(got_TD, expected_TD, rtol=1e-5, atol=1e-5)
    assert fused.keys() == plain.keys() == {n for n, p in model.named_parameters() if p.requires_grad}
    for name, gradient in fused.items():
        atol = 1e-5 * float(plain[name].abs().max())
        torch.testing.assert_close(gradient, plain[name], rtol=1e-3, atol=atol, msg=name)


def test_bf16_is_as_near_to_fp32_as_transformers_is() -> None:
    model = random_model(LlamaConfig)
    exact_TD, exact = states_and_gradients(model, packed_states)

    def distance(states: Any) -> list[float]:
        with torch.autocast("cpu", torch.bfloat16):
            got_TD, gradients = states_and_gradients(model, states)
        assert got_TD.dtype == torch.float32
        return [
            float((got_TD - exact_TD).norm() / exact_TD.norm()),
            *(float((g - exact[n]).norm() / exact[n].norm()) for n, g in gradients.items()),
        ]

    ours, theirs = distance(fused_states), distance(packed_states)
    assert 0 < max(ours) < 1.5 * max(theirs)


@pytest.mark.parametrize("config", [Qwen3Config, Gemma3TextConfig])
def test_other_families_are_left_to_transformers(config: type) -> None:
    assert not can_fuse(random_model(config))


def test_what_it_does_not_compute_is_refused() -> None:
    assert not can_fuse(random_model(LlamaConfig, hidden_act="gelu"))
    assert not can_fuse(random_model(LlamaConfig, mlp_bias=True))
    assert not can_fuse(random_model(LlamaConfig, attention_bias=True)), "the output projection has one too"
    assert not can_fuse(random_model(LlamaConfig, attention_dropout=0.1))
    assert not can_fuse(random_model(LlamaConfig).to(torch.bfloat16))


def test_the_norm_is_that_of_transformers() -> None:
    torch.manual_seed(0)
    norm = LlamaRMSNorm(16, eps=1e-5)
    torch.nn.init.normal_(norm.weight)
    x_TD = torch.randn(7, 16, requires_grad=True)
    expected = torch.autograd.grad(norm(x_TD).pow(3).sum(), (x_TD, norm.weight))
    got = torch.autograd.grad(RMSNorm.apply(x_TD, norm.weight, 1e-5).pow(3).sum(), (x_TD, norm.weight))
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_a_retriever_encodes_the_same_either_way(tiny_llm: Path, texts: list[str]) -> None:
    retriever = Retriever.from_llm(tiny_llm)
    assert can_fuse(retriever.backbone)
    fused_ND = retriever.encode_documents(texts)
    retriever.fused = False
    assert abs(retriever.encode_documents(texts) - fused_ND).max() < 1e-6
