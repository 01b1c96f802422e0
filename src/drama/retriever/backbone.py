"""A causal LM as a bidirectional encoder (or an encoder as it is), and a check that it is one.

Since transformers 5.2 `config.is_causal = False` is enough. Libraries have lost this silently before, so
the behaviour is checked at load: changing the last token must move the first token's state.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

from drama.errors import DramaError
from drama.models.open import open_model
from drama.models.opening import opening
from drama.models.static import is_static


def load_backbone(folder: Path, bidirectional: bool | None) -> Any:
    """The stack of layers without its head, in float32 and evaluation mode.

    Args:
        folder: a model folder in transformers' format.
        bidirectional: every token sees every token; otherwise attention is causal, as an LLM was trained.
            None leaves it as the folder has it.

    Raises:
        DramaError: the folder can't be loaded, or attention is not as requested.
    """
    model = open_model(AutoModel, folder, torch.float32)
    if model.config.is_encoder_decoder:
        raise DramaError(
            f"{folder}: {type(model).__name__} is an encoder and a decoder; a retriever is one stack",
            hint="give a decoder (Llama, Qwen) or an encoder (BERT)",
        )
    model.config.use_cache = False
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # BERT's: we pool ourselves
    if is_static(model.config):
        return model  # nothing attends
    with opening(folder, "model"):
        if bidirectional is False and _always_bidirectional(model):
            raise DramaError(
                f"{folder}: {type(model).__name__} was always bidirectional, and causal was requested",
                hint="leave bidirectional: false out",
            )
        if bidirectional is not None:
            model.config.is_causal = not bidirectional
            if last_token_reaches_first(model) != bidirectional:
                found, wanted = ("causal", "bidirectional") if bidirectional else ("bidirectional", "causal")
                raise DramaError(
                    f"{folder}: attention is {found} though {wanted} was requested",
                    hint="this transformers version or attention kernel ignores config.is_causal: use >=5.2",
                )
    return model


def _always_bidirectional(model: Any) -> bool:
    """True if attention is bidirectional and no `is_causal` in the config has made it so."""
    return getattr(model.config, "is_causal", None) is None and last_token_reaches_first(model)


@torch.no_grad()
def last_token_reaches_first(model: Any) -> bool:
    """True if changing the last token changes the first token's state."""
    device = next(model.parameters()).device
    tokens_BL = torch.tensor([[3, 4, 5, 6], [3, 4, 5, 7]], device=device)
    training = model.training
    model.eval()
    first_BD = model(input_ids=tokens_BL, attention_mask=torch.ones_like(tokens_BL)).last_hidden_state[:, 0]
    model.train(training)
    return not torch.allclose(first_BD[0], first_BD[1], atol=1e-6)


def parameters_without_embeddings(model: Any) -> int:
    """Weights of the stack, less the table of token embeddings."""
    whole = sum(p.numel() for p in model.parameters())
    return int(whole - model.get_input_embeddings().weight.numel())
