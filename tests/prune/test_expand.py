"""GQA to MHA: the same logits, and heads that fall one by one."""

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from drama.prune.families import family_of
from drama.prune.scores import measure
from drama.prune.shape.shape import parent_shape
from drama.prune.surgery.expand import expanded
from drama.prune.surgery.plan import make_plan
from drama.prune.surgery.slice import slice_model


@pytest.fixture(params=[2, 6], ids=["gqa", "mha"])
def family(request: pytest.FixtureRequest):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=97, hidden_size=48, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6,
        num_key_value_heads=request.param, head_dim=8, attention_bias=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.3)
    return family_of(model)


def test_the_logits_stay_and_the_parent_too(family) -> None:
    tokens_BL = torch.randint(3, 97, (3, 9), generator=torch.Generator().manual_seed(1))
    kv_heads = family.config.num_key_value_heads
    before = family.model(input_ids=tokens_BL).logits
    wide = expanded(family)
    assert (wide.config.num_key_value_heads, family.config.num_key_value_heads) == (6, kv_heads)
    assert wide.layers[0].self_attn.k_proj.weight.shape == (48, 48)
    torch.testing.assert_close(wide.model(input_ids=tokens_BL).logits, before, atol=1e-5, rtol=1e-5)
    assert torch.equal(family.model(input_ids=tokens_BL).logits, before)


def test_heads_that_do_nothing_fall_one_by_one(family) -> None:
    tokens_BL = torch.randint(3, 97, (3, 9), generator=torch.Generator().manual_seed(1))
    wide = expanded(family)
    idle = {0: [0, 3], 1: [4, 5]}  # of groups [0 1 2] and [3 4 5]: no whole group
    with torch.no_grad():
        for row, heads in idle.items():
            value = wide.layers[row].self_attn.v_proj
            for head in heads:
                value.weight[head * 8 : head * 8 + 8] = 0
                value.bias[head * 8 : head * 8 + 8] = 0
    before = parent_shape(wide.config)
    target = before._replace(heads=4, kv_heads=4)
    scores = measure(wide, [(tokens_BL, torch.ones_like(tokens_BL))])
    plan = make_plan(scores, before, target)
    assert [layer.heads for layer in plan.layers] == [[1, 2, 4, 5], [0, 1, 2, 3]]
    child = slice_model(wide, plan, target)
    torch.testing.assert_close(
        child(input_ids=tokens_BL).logits, wide.model(input_ids=tokens_BL).logits, atol=1e-4, rtol=1e-4
    )
