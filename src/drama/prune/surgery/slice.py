"""Slicing: a new, smaller model of the same class with the parts that a plan keeps."""

import copy
from typing import Any

import torch
from torch import nn

from drama.prune.families import Family
from drama.prune.shape.shape import Shape, child_config
from drama.prune.surgery.plan import PruningPlan


def slice_model(family: Family, plan: PruningPlan, target: Shape) -> Any:
    """A plain causal LM with exactly the target shape and the parent's kept weights."""
    config = child_config(family.config, target, plan.layers_kept)
    child_model = type(family.model)(config)
    child = type(family)(child_model)
    hidden = torch.tensor(plan.hidden)
    with torch.no_grad():
        child.embedding.weight.copy_(family.embedding.weight[:, hidden])
        child.final_norm.weight.copy_(family.final_norm.weight[hidden])
        if not config.tie_word_embeddings:
            child_model.lm_head.weight.copy_(family.model.lm_head.weight[:, hidden])
        for new, kept in zip(child.layers, plan.layers, strict=True):
            old = family.layers[kept.layer]
            queries = _rows_of_heads(kept.heads, family.head_dim)
            keys = _rows_of_heads(kept.kv_heads, family.head_dim)
            neurons = torch.tensor(kept.intermediate)
            _copy(new.self_attn.q_proj, old.self_attn.q_proj, queries, hidden)
            _copy(new.self_attn.k_proj, old.self_attn.k_proj, keys, hidden)
            _copy(new.self_attn.v_proj, old.self_attn.v_proj, keys, hidden)
            _copy(new.self_attn.o_proj, old.self_attn.o_proj, hidden, queries)
            _copy(new.mlp.gate_proj, old.mlp.gate_proj, neurons, hidden)
            _copy(new.mlp.up_proj, old.mlp.up_proj, neurons, hidden)
            _copy(new.mlp.down_proj, old.mlp.down_proj, hidden, neurons)
            for new_norm, old_norm in zip(child.norms(new), family.norms(old), strict=True):
                new_norm.weight.copy_(old_norm.weight[hidden])
            for new_norm, old_norm in zip(child.head_norms(new), family.head_norms(old), strict=True):
                new_norm.weight.copy_(old_norm.weight)
        child.correct_width(family)
    child_model.generation_config = copy.deepcopy(family.model.generation_config)
    return child_model.eval()


def _rows_of_heads(heads: list[int], head_dim: int) -> torch.Tensor:
    return torch.tensor([h * head_dim + i for h in heads for i in range(head_dim)])


def _copy(new: nn.Linear, old: nn.Linear, rows: torch.Tensor, columns: torch.Tensor) -> None:
    new.weight.copy_(old.weight[rows][:, columns])
    if old.bias is not None:
        new.bias.copy_(old.bias[rows])
