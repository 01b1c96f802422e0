"""Activation importance by a few forward passes (Minitron, arXiv 2407.14679; method: 2.2).

Mean |activation| over the tokens of a text, L2 over the texts. Hidden channels: outputs of all norms,
summed. MLP neurons: inputs of the down projection. Heads: inputs of the output projection; kv heads: the sum
of their query heads. Layers: 1 − cos(input, output).

Legend: B texts, L tokens, D hidden, H heads, K kv heads, F intermediate, N layers.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch

from drama.prune.families import Family


class Scores(NamedTuple):
    """Importance of each part; larger is more important."""

    hidden_D: torch.Tensor
    kv_heads_NK: torch.Tensor
    heads_NH: torch.Tensor
    """Compared with the others of its kv head only."""
    intermediate_NF: torch.Tensor
    layers_N: torch.Tensor

    def tensors(self) -> dict[str, torch.Tensor]:
        """By name, for a file."""
        return dict(self._asdict())


@torch.inference_mode()
def measure(family: Family, batches: Iterable[tuple[torch.Tensor, torch.Tensor]]) -> Scores:
    """Run the parent over (tokens [B, L], mask [B, L]) batches and collect the scores."""
    c = family.config
    count = c.num_hidden_layers
    squares = {
        "hidden": torch.zeros(c.hidden_size),
        "heads": torch.zeros(count, c.num_attention_heads),
        "intermediate": torch.zeros(count, c.intermediate_size),
    }
    distance = torch.zeros(count)
    texts = 0
    mask_BL = torch.ones(1, 1)

    def mean_square(states: torch.Tensor) -> torch.Tensor:
        weight = mask_BL.unsqueeze(-1).to(states.dtype)
        mean = (states.abs() * weight).sum(dim=1) / weight.sum(dim=1)
        return mean.pow(2).sum(dim=0)

    def on_norm(_m: Any, _a: Any, output: torch.Tensor) -> None:
        squares["hidden"] += mean_square(output).cpu()

    def on_input(name: str, row: int) -> Any:
        def hook(_m: Any, args: tuple[torch.Tensor, ...]) -> None:
            states = args[0]
            if name == "heads":
                states = states.reshape(*states.shape[:2], -1, family.head_dim).norm(dim=-1)
            squares[name][row] += mean_square(states).cpu()

        return hook

    def on_layer(row: int) -> Any:
        def hook(_m: Any, args: tuple[torch.Tensor, ...], output: Any) -> None:
            after = output[0] if isinstance(output, tuple) else output
            weight = mask_BL.to(after.dtype)
            cosine = torch.cosine_similarity(args[0], after, dim=-1)
            distance[row] += (((1 - cosine) * weight).sum(dim=1) / weight.sum(dim=1)).sum().cpu()

        return hook

    hooks = [family.final_norm.register_forward_hook(on_norm)]
    for row, layer in enumerate(family.layers):
        hooks += [norm.register_forward_hook(on_norm) for norm in family.norms(layer)]
        hooks.append(layer.self_attn.o_proj.register_forward_pre_hook(on_input("heads", row)))
        hooks.append(layer.mlp.down_proj.register_forward_pre_hook(on_input("intermediate", row)))
        hooks.append(layer.register_forward_hook(on_layer(row)))
    try:
        device = family.model.device
        for tokens_BL, mask in batches:
            mask_BL = mask.to(device)
            family.model.model(input_ids=tokens_BL.to(device), attention_mask=mask_BL, use_cache=False)
            texts += len(tokens_BL)
    finally:
        for hook in hooks:
            hook.remove()
    heads_NH = squares["heads"].sqrt()
    groups_NKG = heads_NH.reshape(count, c.num_key_value_heads, -1)
    return Scores(
        squares["hidden"].sqrt(),
        groups_NKG.sum(dim=2),
        heads_NH,
        squares["intermediate"].sqrt(),
        distance / texts,
    )
