"""Importance of parts by their activations in a few forward passes (Minitron, arXiv 2407.14679; method: 2.2).

Mean |activation| over the tokens of a text, L2 norm over the texts. Hidden channels: outputs of all norms,
summed. MLP neurons: inputs of the down projection. Heads: inputs of the output projection; kv heads: the sum
of their query heads. Layers: 1 − cos(input, output).

Legend: B texts, L tokens, D hidden, H heads, K kv heads, F intermediate, N layers.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, NamedTuple

import torch

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
    sums = _Sums(family)
    hooks = sums.register(family)
    try:
        device = family.model.device
        for tokens_BL, mask_BL in batches:
            sums.mask_BL = mask_BL.to(device)
            sums.texts += len(tokens_BL)
            family.model.model(input_ids=tokens_BL.to(device), attention_mask=sums.mask_BL, use_cache=False)
    finally:
        for hook in hooks:
            hook.remove()
    return sums.scores()


class _Sums:
    """Sums over the texts, added to by hooks on the model's modules."""

    def __init__(self, family: Family) -> None:
        config = family.config
        layers = config.num_hidden_layers
        self.head_dim, self.kv_heads = family.head_dim, config.num_key_value_heads
        self.texts = 0
        self.mask_BL = torch.ones(1, 1)
        self.hidden_D = torch.zeros(config.hidden_size)
        self.heads_NH = torch.zeros(layers, config.num_attention_heads)
        self.intermediate_NF = torch.zeros(layers, config.intermediate_size)
        self.distance_N = torch.zeros(layers)

    def register(self, family: Family) -> list[Any]:
        """The hooks, to be removed afterwards."""
        hooks = [family.final_norm.register_forward_hook(self._norm)]
        for n, layer in enumerate(family.layers):
            hooks += [norm.register_forward_hook(self._norm) for norm in family.norms(layer)]
            hooks.append(layer.self_attn.o_proj.register_forward_pre_hook(partial(self._heads, n)))
            hooks.append(layer.mlp.down_proj.register_forward_pre_hook(partial(self._neurons, n)))
            hooks.append(layer.register_forward_hook(partial(self._layer, n)))
        return hooks

    def scores(self) -> Scores:
        """What the sums amount to."""
        heads_NH = self.heads_NH.sqrt()
        groups_NKG = heads_NH.reshape(len(heads_NH), self.kv_heads, -1)
        return Scores(
            self.hidden_D.sqrt(),
            groups_NKG.sum(dim=2),
            heads_NH,
            self.intermediate_NF.sqrt(),
            self.distance_N / self.texts,
        )

    def _norm(self, _module: Any, _args: Any, output: torch.Tensor) -> None:
        self.hidden_D += self._mean_square(output)

    def _heads(self, n: int, _module: Any, args: tuple[torch.Tensor, ...]) -> None:
        states = args[0].reshape(*args[0].shape[:2], -1, self.head_dim)
        self.heads_NH[n] += self._mean_square(states.norm(dim=-1))

    def _neurons(self, n: int, _module: Any, args: tuple[torch.Tensor, ...]) -> None:
        self.intermediate_NF[n] += self._mean_square(args[0])

    def _layer(self, n: int, _module: Any, args: tuple[torch.Tensor, ...], output: Any) -> None:
        after = output[0] if isinstance(output, tuple) else output
        weight = self.mask_BL.to(after.dtype)
        cosine = torch.cosine_similarity(args[0], after, dim=-1)
        self.distance_N[n] += (((1 - cosine) * weight).sum(dim=1) / weight.sum(dim=1)).sum().cpu()

    def _mean_square(self, states: torch.Tensor) -> torch.Tensor:
        """Sum over texts of the squared mean |activation| over tokens."""
        weight = self.mask_BL.unsqueeze(-1).to(states.dtype)
        mean = (states.abs() * weight).sum(dim=1) / weight.sum(dim=1)
        return mean.pow(2).sum(dim=0).cpu()
