"""The parent under a plan's masks: it computes what the sliced model will compute.

RMSNorm takes its variance over the kept channels only (Sheared LLaMA; method: 2.1). With k of D channels
kept, norm(x·√(D/k))·√(k/D) on masked states x is that, whatever the norm does with its weight.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from drama.prune.families import Family
from drama.prune.plan import Plan


@contextmanager
def masked(family: Family, plan: Plan) -> Iterator[Any]:
    """Inside the block the model behaves as if it were sliced; outside it is untouched."""
    c, head_dim = family.config, family.head_dim
    hidden_D = _mask(c.hidden_size, plan.hidden)
    kept = {layer.layer: layer for layer in plan.layers}
    hooks: list[Any] = [family.embedding.register_forward_hook(lambda _m, _a, out: out * hidden_D)]
    norms = [family.final_norm]
    root = (len(plan.hidden) / c.hidden_size) ** 0.5
    for row, layer in enumerate(family.layers):
        if row not in kept:
            hooks.append(layer.register_forward_hook(_skip))
            continue
        heads = [h * head_dim + i for h in kept[row].heads for i in range(head_dim)]
        attention_mask = _mask(c.num_attention_heads * head_dim, heads)
        neuron_mask = _mask(c.intermediate_size, kept[row].intermediate)
        for module, mask in ((layer.self_attn.o_proj, attention_mask), (layer.mlp.down_proj, neuron_mask)):
            hooks.append(module.register_forward_pre_hook(_times(mask)))
            hooks.append(module.register_forward_hook(lambda _m, _a, out: out * hidden_D))
        norms += family.norms(layer)
    for norm in norms:
        hooks.append(norm.register_forward_pre_hook(_times(hidden_D / root)))
        hooks.append(norm.register_forward_hook(lambda _m, _a, out: out * hidden_D * root))
    try:
        yield family.model
    finally:
        for hook in hooks:
            hook.remove()


def _mask(size: int, kept: list[int]) -> torch.Tensor:
    mask = torch.zeros(size)
    mask[torch.tensor(kept)] = 1.0
    return mask


def _times(mask: torch.Tensor) -> Any:
    return lambda _m, args: (args[0] * mask, *args[1:])


def _skip(_module: Any, args: tuple[torch.Tensor, ...], output: Any) -> Any:
    return (args[0], *output[1:]) if isinstance(output, tuple) else args[0]
