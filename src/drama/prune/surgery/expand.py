"""GQA to MHA: every query head gets its own copy of its kv head, so that heads can be pruned one by one."""

import copy

import torch

from drama.prune.families import Family


def expanded(family: Family) -> Family:
    """The same function with `num_key_value_heads == num_attention_heads` (method: section 2). The given
    model is not changed; a model without groups is returned as it is."""
    heads, kv_heads = family.config.num_attention_heads, family.config.num_key_value_heads
    if heads == kv_heads:
        return family
    config = copy.deepcopy(family.config)
    config.num_key_value_heads = heads
    model = type(family.model)(config)
    tensors = {
        name: _repeated(tensor, kv_heads, heads // kv_heads)
        if ".k_proj." in name or ".v_proj." in name
        else tensor
        for name, tensor in family.model.state_dict().items()
    }
    model.load_state_dict(tensors)
    model.generation_config = copy.deepcopy(family.model.generation_config)
    return type(family)(model.eval())


def _repeated(tensor: torch.Tensor, kv_heads: int, times: int) -> torch.Tensor:
    """Each head's rows (of a weight or a bias), repeated `times` times next to each other."""
    by_head = tensor.reshape(kv_heads, -1, *tensor.shape[1:])
    return by_head.repeat_interleave(times, dim=0).flatten(0, 1)
