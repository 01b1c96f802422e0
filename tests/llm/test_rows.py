"""Rows behind a prefix give the logits of single texts, in every family, with sliding windows and without."""

import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig, MistralConfig, Qwen3Config

from drama.llm import Sampling
from drama.llm.decode import draw
from drama.llm.rows import Rows, read_prefix, takes_rows

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


@torch.inference_mode()
def test_rows_equal_single_texts(model) -> None:
    assert takes_rows(model)
    start = [5, 6, 7, 8, 9, 10]
    texts = [[11, 12, 13], [14], [15, 16, 17, 18, 19, 20, 21, 22, 23], [24, 25]]

    def alone(row: list[int]) -> torch.Tensor:
        return model(input_ids=torch.tensor([row]), use_cache=False).logits[0]

    for prefix in (start, []):
        rows = Rows(model, read_prefix(model, prefix) if prefix else None, len(texts), 12)
        found_BV = rows.read(texts)
        torch.testing.assert_close(
            found_BV, torch.stack([alone(prefix + t)[-1] for t in texts]), atol=2e-4, rtol=1e-3
        )
        rows.drop(1)
        kept = [texts[0], texts[-1], texts[2]]
        for token in (30, 31, 32):
            kept = [[*row, token + i] for i, row in enumerate(kept)]
            found_BV = rows.step([row[-1] for row in kept])
            torch.testing.assert_close(
                found_BV, torch.stack([alone(prefix + t)[-1] for t in kept]), atol=2e-4, rtol=1e-3
            )
        wanted = [[0, 2], [0], [4], [1]]
        some_WV = Rows(model, read_prefix(model, prefix) if prefix else None).read(texts, wanted)
        expected = [
            alone(prefix + t)[len(prefix) + w] for t, each in zip(texts, wanted, strict=True) for w in each
        ]
        torch.testing.assert_close(some_WV, torch.stack(expected), atol=2e-4, rtol=1e-3)
    assert model.config._attn_implementation != "drama_rows"


def test_draws_follow_the_nucleus() -> None:
    probs = torch.tensor([0.4, 0.05, 0.3, 0.2, 0.05])
    torch.manual_seed(0)
    drawn = draw(probs.log().expand(20_000, -1), Sampling(temperature=1, top_p=0.75))
    shares = torch.tensor(drawn).bincount(minlength=5) / len(drawn)
    # 0.4 + 0.3 is below 0.75: the third most probable one is needed too.
    torch.testing.assert_close(shares, torch.tensor([4 / 9, 0, 3 / 9, 2 / 9, 0]), atol=0.02, rtol=0)
    flat = draw(torch.zeros(2_000, 1000), Sampling(temperature=1, top_p=0.5))
    assert 400 < len({*flat}) <= 500  # more tokens than are looked at first
