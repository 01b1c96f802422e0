"""Rows that share a prefix give the logits of single texts, in every family, with sliding windows or none."""

from types import SimpleNamespace

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Qwen2Config,
    Qwen3Config,
)

from drama.llm import Engine, Sampling
from drama.llm.score import _logits

SIZE = {
    "vocab_size": 90, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "head_dim": 8,
    "num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
LAYERS = ["sliding_attention", "sliding_attention", "full_attention"]
CONFIGS = {
    "llama": LlamaConfig(**SIZE),
    "mistral": MistralConfig(**SIZE, sliding_window=None),
    "mistral, window 7": MistralConfig(**SIZE, sliding_window=7),
    "qwen2": Qwen2Config(**SIZE),
    "qwen3": Qwen3Config(**SIZE),
    "gemma3, window 4": Gemma3TextConfig(**SIZE, sliding_window=4, layer_types=LAYERS),
    "gemma3, window 64": Gemma3TextConfig(**SIZE, sliding_window=64, layer_types=LAYERS),
}


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest):
    torch.manual_seed(0)
    made = AutoModelForCausalLM.from_config(CONFIGS[request.param]).eval()
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "norm" not in name:
                weight.mul_(8)
    return made


@pytest.fixture
def engine(model) -> Engine:
    return Engine(model, SimpleNamespace(chat_template="any", pad_token_id=0), "tiny")


def alone(model, row: list[int]) -> torch.Tensor:
    return model(input_ids=torch.tensor([row]), use_cache=False).logits[0]


@torch.inference_mode()
def test_rows_with_a_prefix_equal_single_texts(engine: Engine) -> None:
    start = [5, 6, 7, 8, 9, 10]
    rests = [[11, 12, 13], [14], [15, 16, 17, 18, 19, 20, 21, 22, 23], [24, 25]]
    counts = [2, 1, 4, 1]
    greedy = Sampling(max_new_tokens=5, temperature=0)
    for prefix in (start, []):
        rows = [prefix + rest for rest in rests]
        expected = [alone(engine.model, row)[-n:] for row, n in zip(rows, counts, strict=True)]
        found_WV = _logits(engine, rows, counts)
        torch.testing.assert_close(found_WV, torch.cat(expected), atol=2e-4, rtol=1e-3)
        assert engine._answers(rows, greedy)[0] == [engine._answers([row], greedy)[0][0] for row in rows]
        if prefix:
            window = getattr(engine.model.config, "sliding_window", None)
            assert (engine._prefix is not None) == (window is None or window >= 20)
            assert engine._prefix is None or engine._prefix.tokens == prefix


@torch.inference_mode()
def test_draws_follow_the_nucleus() -> None:
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(LlamaConfig(**SIZE)).eval()
    model.lm_head.weight.mul_(20)
    model.generation_config.eos_token_id = None
    engine = Engine(model, SimpleNamespace(chat_template="any", pad_token_id=0), "tiny")
    engine.share_prefix = False
    row, times, top_p = [5, 6, 7], 4000, 0.6
    how = Sampling(max_new_tokens=1, temperature=1, top_p=top_p)
    drawn = [new[0] for new in engine._answers([row] * times, how)[0]]
    shares_V = torch.tensor(drawn).bincount(minlength=SIZE["vocab_size"]) / times
    probs_V, tokens_V = alone(model, row)[-1].softmax(dim=-1).sort(descending=True)
    size = int((probs_V.cumsum(dim=0) < top_p).sum()) + 1
    assert 1 < size < 45
    expected_V = torch.zeros_like(shares_V)
    expected_V[tokens_V[:size]] = probs_V[:size] / probs_V[:size].sum()
    torch.testing.assert_close(shares_V, expected_V, atol=0.03, rtol=0)
    assert not shares_V[expected_V == 0].any()


def test_a_recurrent_model_shares_no_prefix() -> None:
    sizes = {"vocab_size": 90, "hidden_size": 16, "num_hidden_layers": 1, "state_size": 4}
    model = AutoModelForCausalLM.from_config(MambaConfig(**sizes))
    assert not Engine(model, SimpleNamespace(chat_template=None, pad_token_id=0), "tiny").share_prefix
