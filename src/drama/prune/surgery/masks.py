"""Masks on the parts of a parent: soft while they are learnt, 0 and 1 for a plan.

Legend: D hidden, N layers, K kv heads, G query heads a kv head, H = K·G, F intermediate.
"""

from collections.abc import Sequence

import torch

from drama.prune.families import Family
from drama.prune.scores import Scores
from drama.prune.shape.shape import Shape
from drama.prune.surgery.plan import PruningPlan


class Masks(Scores):
    """A factor in [0, 1] for each part; 0: removed. A query head's factor is multiplied by its kv head's.

    `stacked` masks have a draw for each row of a batch: two dimensions [B, 1] before that of the parts.
    """

    @property
    def combined_heads(self) -> torch.Tensor:
        """[N, H]: each query head's factor times its kv head's."""
        group = self.heads_NH.shape[-1] // self.kv_heads_NK.shape[-1]
        return self.kv_heads_NK.repeat_interleave(group, dim=-1) * self.heads_NH

    def heads_of(self, layer: int, head_dim: int) -> torch.Tensor:
        """[…, H·head_dim]: factors of the inputs of a layer's output projection."""
        group = self.heads_NH.shape[-1] // self.kv_heads_NK.shape[-1]
        heads_H = self.kv_heads_NK[layer].repeat_interleave(group, dim=-1) * self.heads_NH[layer]
        return heads_H.repeat_interleave(head_dim, dim=-1)


def all_kept(shape: Shape) -> Masks:
    """All ones."""
    return Masks(
        torch.ones(shape.hidden),
        torch.ones(shape.layers, shape.kv_heads),
        torch.ones(shape.layers, shape.heads),
        torch.ones(shape.layers, shape.intermediate),
        torch.ones(shape.layers),
    )


def stacked(rows: Sequence[Masks]) -> Masks:
    """Masks of B rows as one, to multiply states [B, L, …]."""
    hidden, kv_heads, heads, neurons, layers = (torch.stack(own) for own in zip(*rows, strict=True))
    kv_heads, heads, neurons = (part.transpose(0, 1).unsqueeze(2) for part in (kv_heads, heads, neurons))
    return Masks(hidden.unsqueeze(1), kv_heads, heads, neurons, layers.T[..., None, None])


def masks_of(plan: PruningPlan, parent: Shape) -> Masks:
    """One for the parts of a parent that a plan keeps, zero for the others."""
    found = Masks(*(torch.zeros_like(ones) for ones in all_kept(parent)))
    found.hidden_D[plan.hidden] = 1.0
    for kept in plan.layers:
        found.layers_N[kept.layer] = 1.0
        found.kv_heads_NK[kept.layer, kept.kv_heads] = 1.0
        found.heads_NH[kept.layer, kept.heads] = 1.0
        found.intermediate_NF[kept.layer, kept.intermediate] = 1.0
    return found


@torch.no_grad()
def fold(family: Family, masks: Masks) -> None:
    """Multiply the masks into the weights. Without masks the model then computes what it did under them,
    except for the norms' variance, which is correct once the zeros are sliced off."""
    family.embedding.weight.mul_(masks.hidden_D)
    for row, layer in enumerate(family.layers):
        attention, mlp = layer.self_attn.o_proj, layer.mlp.down_proj
        attention.weight.mul_(masks.heads_of(row, family.head_dim))
        mlp.weight.mul_(masks.intermediate_NF[row])
        for projection in (attention, mlp):
            projection.weight.mul_(masks.hidden_D.unsqueeze(1))
            if projection.bias is not None:
                projection.bias.mul_(masks.hidden_D)
        for writer in family.writers(layer):
            family.scale(writer, float(masks.layers_N[row]))
