"""Forward passes of the parent under masks. With the masks of a plan the logits are the sliced model's; with
soft masks they are those of the sliced model into which the masks are folded.

RMSNorm takes its variance over the kept channels only (Sheared LLaMA; method: 2.1). Its input is 0 in the
others already, so with k of D channels above 0 this is norm(x·√(D/k))·√(k/D), whatever the norm does with
its weight. A channel with a soft mask counts fully in k, as it will when the model is sliced. So soft masks
are exact too; only the gradient does not see k change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from drama.prune.families import Family
from drama.prune.surgery.masks import Masks


@contextmanager
def masked(family: Family, masks: Masks) -> Iterator[Any]:
    """Inside the block the model computes under the masks; its weights are not touched. With `stacked` masks
    each row of a batch is computed under its own."""
    hidden_D = masks.hidden_D
    kept = (hidden_D > 0).sum(dim=-1, keepdim=True).clamp(min=1)
    root = (kept / hidden_D.shape[-1]).sqrt()
    hooks: list[Any] = [family.embedding.register_forward_hook(_after(hidden_D))]
    norms = [family.final_norm]
    for row, layer in enumerate(family.layers):
        attention, mlp = layer.self_attn.o_proj, layer.mlp.down_proj
        hooks.append(attention.register_forward_pre_hook(_before(masks.heads_of(row, family.head_dim))))
        hooks.append(mlp.register_forward_pre_hook(_before(masks.intermediate_NF[row])))
        factors = {attention: hidden_D, mlp: hidden_D}
        for writer in family.writers(layer):
            factors[writer] = factors.get(writer, 1.0) * masks.layers_N[row]
        hooks += [module.register_forward_hook(_after(factor)) for module, factor in factors.items()]
        norms += family.norms(layer)
    for norm in norms if bool((root < 1).any()) else ():
        hooks.append(norm.register_forward_pre_hook(_before(1 / root)))
        hooks.append(norm.register_forward_hook(_after(root)))
    if family.config.tie_word_embeddings:  # the head is the masked table
        hooks.append(family.final_norm.register_forward_hook(_after(hidden_D)))
    try:
        yield family.model
    finally:
        for hook in hooks:
            hook.remove()


def _before(factor: torch.Tensor | float) -> Any:
    return lambda _m, args: (_times(args[0], factor), *args[1:])


def _after(factor: torch.Tensor | float) -> Any:
    return lambda _m, _a, out: _times(out, factor)


def _times(states: torch.Tensor, factor: torch.Tensor | float) -> torch.Tensor:
    """In the states' dtype, which may be bf16 where the masks are fp32."""
    return states * (factor.to(states.dtype) if isinstance(factor, torch.Tensor) else factor)
