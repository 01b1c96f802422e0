"""A static model: a table of token vectors without any layer, as a Llama that transformers loads.

Its last states are the rows of the table. Llama's norm, which would scale each to one length, has an epsilon
so large that it divides all of them alike, and a weight that multiplies by as much.

Legend: V tokens, D dimensions.
"""

from typing import Any

import torch
from transformers import LlamaConfig, LlamaModel

_EPSILON = 1e6
"""Against rows of about unit length: a relative error of 1e-6."""


def static_model(table_VD: torch.Tensor, longest: int) -> LlamaModel:
    """A model whose states are the rows of a table.

    Args:
        table_VD: the vector of each token.
        longest: text in tokens.

    >>> table = torch.tensor([[0.5, -1.0], [2.0, 0.0]])
    >>> static_model(table, 8)(torch.tensor([[1, 0]])).last_hidden_state.detach().round(decimals=4).tolist()
    [[[2.0, 0.0], [0.5, -1.0]]]
    """
    tokens, width = table_VD.shape
    config = LlamaConfig(
        vocab_size=tokens,
        hidden_size=width,
        num_hidden_layers=0,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=2,
        intermediate_size=1,
        max_position_embeddings=longest,
        rms_norm_eps=_EPSILON,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=None,
    )
    model = LlamaModel(config)
    with torch.no_grad():
        model.get_input_embeddings().weight.copy_(table_VD)
        model.norm.weight.fill_(_EPSILON**0.5)
    return model.eval()


def is_static(config: Any) -> bool:
    """Whether a model with this config has no layers: no token sees another."""
    return getattr(config, "num_hidden_layers", None) == 0
