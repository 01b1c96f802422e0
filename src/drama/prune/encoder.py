"""An encoder as the start: BERT and its like, whole or cut to their lowest layers.

Such a model is bidirectional and, where it was trained to embed texts, a small retriever already. There is no
language model in it, so nothing is scored, masked or recovered: the lowest layers stay.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

from drama.console import note
from drama.errors import DramaError
from drama.files import atomic_folder, read_json
from drama.models.architectures import architecture
from drama.models.files import write_sums
from drama.models.open import open_model, open_tokenizer
from drama.prune.settings import PruneSettings
from drama.prune.shape.shape import Shape, parent_shape

_POOLING = "1_Pooling/config.json"


def is_encoder(config: Any) -> bool:
    """Whether a model with this config is an encoder whose layers can be cut."""
    return architecture(config).encoder is not None


def encoder_shape(settings: PruneSettings, config: Any) -> Shape:
    """The child's shape.

    Raises:
        DramaError: more layers than the parent has, or a setting that is for an LLM.
    """
    parent, layers = parent_shape(config), settings.shape.layers
    settings.refuse_beyond_layers("an LLM", f"the parent is an encoder ({config.model_type})")
    if layers is not None and layers > parent.layers:
        raise DramaError(
            f"prune.shape.layers: {layers} is above the parent's {parent.layers}", hint="pruning only removes"
        )
    return parent._replace(layers=layers or parent.layers)


def cut_encoder(parent: Path, shape: Shape, out: Path) -> dict[str, Any]:
    """Write the encoder with its lowest layers to `out`. Returns figures for the manifest.

    Raises:
        DramaError: it can't be opened, or its vector is not the mean over tokens.
    """
    _check_pooling(parent)
    model, tokenizer = open_model(AutoModel, parent, torch.float32), open_tokenizer(parent)
    whole = sum(p.numel() for p in model.parameters())
    holder, _, name = (architecture(model.config).encoder or "").rpartition(".")
    module = model.get_submodule(holder)
    setattr(module, name, getattr(module, name)[: shape.layers])
    model.config.num_hidden_layers = shape.layers
    if types := getattr(model.config, "layer_types", None):
        model.config.layer_types = types[: shape.layers]
    kept = sum(p.numel() for p in model.parameters())
    body = kept - model.get_input_embeddings().weight.numel()
    note(f"prune: an encoder of {shape.layers} layers: {body:,} parameters + {kept - body:,} of embeddings")
    with atomic_folder(out) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        write_sums(partial)
    return {
        "parameters_parent": whole,
        "parameters_pruned": kept,
        "parameters_pruned_without_embeddings": body,
        "layers_kept": list(range(shape.layers)),
    }


def _check_pooling(parent: Path) -> None:
    """Refuse a model whose vector is the state of its first token: ours is the mean over tokens."""
    path = parent / _POOLING
    found = read_json(path) if path.is_file() else {}
    if found.get("pooling_mode_mean_tokens", found.get("pooling_mode", "mean") == "mean") is not True:
        raise DramaError(
            f"{parent}: its vectors are not the mean over tokens ({_POOLING})",
            hint="start from a model with mean pooling, such as all-minilm-l6-v2",
        )
