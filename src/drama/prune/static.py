"""No layers: of the parent only the tokenizer and the table of token embeddings stay."""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModel

from drama.console import note
from drama.files import atomic_folder
from drama.models.files import write_sums
from drama.models.open import open_model, open_tokenizer
from drama.models.static import static_model
from drama.prune.settings import PruneSettings
from drama.prune.shape.shape import Shape, parent_shape


def static_shape(settings: PruneSettings, config: Any) -> Shape:
    """The parent's shape without layers.

    Raises:
        DramaError: a setting that is for layers.
    """
    settings.refuse_beyond_layers("layers", "prune.shape.layers is 0")
    return parent_shape(config)._replace(layers=0)


def take_table(parent: Path, out: Path) -> dict[str, Any]:
    """Write the parent's table as a static model to `out`. Returns figures for the manifest.

    Raises:
        DramaError: the parent can't be opened.
    """
    model, tokenizer = open_model(AutoModel, parent, torch.float32), open_tokenizer(parent)
    whole = sum(p.numel() for p in model.parameters())
    table_VD = model.get_input_embeddings().weight.detach()
    static = static_model(table_VD, model.config.max_position_embeddings)
    note(f"prune: no layers: a table of {len(table_VD):,} tokens, {table_VD.shape[1]} dimensions")
    with atomic_folder(out) as partial:
        static.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        write_sums(partial)
    return {
        "parameters_parent": whole,
        "parameters_pruned": table_VD.numel(),
        "parameters_pruned_without_embeddings": 0,
        "layers_kept": [],
    }
