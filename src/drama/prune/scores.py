"""Importance of parts by their activations in a few forward passes (Minitron, arXiv 2407.14679; method: 2.2).

Mean |activation| over the tokens of a text, L2 norm over the texts. Hidden channels: outputs of all norms,
summed. MLP neurons: inputs of the down projection. Heads: inputs of the output projection; kv heads: the sum
of their query heads. Layers: 1 − cos(input, output).

Legend: B texts, L tokens, D hidden, H heads, K kv heads, F intermediate, N layers, X any of D, H and F.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import torch

from drama.console import track
from drama.prune.families import Family


class Scores(NamedTuple):
    """Importance of each part; larger is more important."""

    hidden_D: torch.Tensor
    kv_heads_NK: torch.Tensor
    heads_NH: torch.Tensor
    """Compared within a kv group only."""
    intermediate_NF: torch.Tensor
    layers_N: torch.Tensor


@torch.inference_mode()
def measure(family: Family, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Scores:
    """Run the parent on (tokens [B, L], mask [B, L]) batches and collect the scores."""
    config, device = family.config, family.model.device
    layers, kv_heads = config.num_hidden_layers, config.num_key_value_heads
    hidden_D = torch.zeros(config.hidden_size)
    heads_NH = torch.zeros(layers, config.num_attention_heads)
    intermediate_NF = torch.zeros(layers, config.intermediate_size)
    distance_N = torch.zeros(layers)
    texts, mask_BL = 0, torch.ones(1, 1)

    def mean(states_BLX: torch.Tensor) -> torch.Tensor:
        weight_BL1 = mask_BL.unsqueeze(-1).to(states_BLX.dtype)
        return (states_BLX * weight_BL1).sum(dim=1) / weight_BL1.sum(dim=1)

    def add(sums_X: torch.Tensor, states_BLX: torch.Tensor) -> None:
        sums_X += mean(states_BLX.abs()).pow(2).sum(dim=0).cpu()

    def on_norm(_module: Any, _args: Any, output_BLD: torch.Tensor) -> None:
        add(hidden_D, output_BLD)

    def on_heads(n: int, _module: Any, args: tuple[torch.Tensor, ...]) -> None:
        add(heads_NH[n], args[0].reshape(*args[0].shape[:2], -1, family.head_dim).norm(dim=-1))

    def on_neurons(n: int, _module: Any, args: tuple[torch.Tensor, ...]) -> None:
        add(intermediate_NF[n], args[0])

    def on_layer(n: int, _module: Any, args: tuple[torch.Tensor, ...], output: Any) -> None:
        after_BLD = output[0] if isinstance(output, tuple) else output
        cosine_BL = torch.cosine_similarity(args[0], after_BLD, dim=-1)
        distance_N[n] += mean((1 - cosine_BL).unsqueeze(-1)).sum().cpu()

    hooks = [family.final_norm.register_forward_hook(on_norm)]
    for n, layer in enumerate(family.layers):
        hooks += [norm.register_forward_hook(on_norm) for norm in family.norms(layer)]
        hooks.append(layer.self_attn.o_proj.register_forward_pre_hook(partial(on_heads, n)))
        hooks.append(layer.mlp.down_proj.register_forward_pre_hook(partial(on_neurons, n)))
        hooks.append(layer.register_forward_hook(partial(on_layer, n)))
    try:
        for tokens_BL, mask in track(batches, "prune: scoring, batches of texts"):
            mask_BL = mask.to(device)
            texts += len(tokens_BL)
            family.model.model(input_ids=tokens_BL.to(device), attention_mask=mask_BL, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    heads_NH = heads_NH.sqrt()
    kv_heads_NK = heads_NH.reshape(layers, kv_heads, -1).sum(dim=2)
    return Scores(hidden_D.sqrt(), kv_heads_NK, heads_NH, intermediate_NF.sqrt(), distance_N / texts)
