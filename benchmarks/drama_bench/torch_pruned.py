"""A causal LM cut to a shape by Torch-Pruning, as its users would do it.

This is its own LLM example (examples/LLMs in its repository), with ratios that give exactly the shape: whole
query heads, the same number in each kv group, kv heads unchanged (its GQA support does this), one choice of
channels for the whole residual stream. Its importance is the example's group magnitude, or its first-order
Taylor importance from gradients on calibration texts.
"""

from collections.abc import Iterable
from typing import Any, Literal

import torch

from drama.errors import DramaError, MissingExtraError
from drama.prune.shape.shape import Shape, child_config

Importance = Literal["magnitude", "taylor"]


def torch_pruned(
    model: Any,
    target: Shape,
    importance: Importance,
    batches: Iterable[tuple[torch.Tensor, torch.Tensor]],
) -> Any:
    """A plain causal LM with exactly the target shape. The given model is modified.

    Args:
        model: a Llama-like causal LM.
        target: the model's layers and kv heads, and at most its other sizes.
        importance: how parts are scored.
        batches: (tokens [B, L], mask [B, L]) of calibration texts, for `taylor`.

    Raises:
        MissingExtraError: torch-pruning is not installed.
        DramaError: it did not reach the shape.
    """
    try:
        import torch_pruning as tp
    except ImportError:
        raise MissingExtraError("torch_pruning", "bench") from None
    c = model.config
    model.set_attn_implementation("eager")  # its tracing misses grouped heads in the fused kernel
    if importance == "taylor":
        for tokens_BL, mask_BL in batches:
            labels_BL = tokens_BL.masked_fill(mask_BL == 0, -100)
            model(input_ids=tokens_BL, attention_mask=mask_BL, labels=labels_BL).loss.backward()
        scorer = tp.importance.GroupTaylorImportance(group_reduction="mean")
    else:
        scorer = tp.importance.GroupMagnitudeImportance(p=2, group_reduction="mean")
    heads, neurons = {}, {}
    for layer in model.model.layers:
        attention = layer.self_attn
        heads[attention.q_proj] = c.num_attention_heads
        heads[attention.k_proj] = heads[attention.v_proj] = c.num_key_value_heads
        # Half a neuron more than needed: it rounds the number that is kept down.
        ratio = 1 - (target.intermediate + 0.5) / c.intermediate_size
        neurons[layer.mlp.gate_proj] = neurons[layer.mlp.up_proj] = max(ratio, 0.0)
    removed = c.num_attention_heads - target.heads
    pruner = tp.pruner.BasePruner(
        model,
        example_inputs={"input_ids": torch.arange(8).unsqueeze(0), "use_cache": False},
        output_transform=lambda output: output.logits,
        importance=scorer,
        global_pruning=False,
        pruning_ratio=max(1 - (target.hidden + 0.5) / c.hidden_size, 0.0),
        pruning_ratio_dict=neurons,
        ignored_layers=[model.lm_head],
        num_heads=heads,
        prune_num_heads=True,
        prune_head_dims=False,
        head_pruning_ratio=max((removed - 0.5) / c.num_attention_heads, 0.0),
    )
    for group in pruner.step(interactive=True):
        group.prune()
    child = type(model)(child_config(c, target, range(target.layers)))
    try:
        child.load_state_dict(model.state_dict())
    except RuntimeError as error:
        raise DramaError(f"bench prune: torch-pruning left another shape ({error})") from None
    return child.eval()
