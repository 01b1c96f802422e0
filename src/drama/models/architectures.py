"""What DRAMA can do with each architecture, by transformers' `config.model_type`.

A new architecture is a line in this table. Pruning also needs a class in `drama.prune.families` where the
layers are built differently from Llama's.
"""

from typing import Any, NamedTuple


class Architecture(NamedTuple):
    """What works for models of one type."""

    pruned_as: str | None = None
    """Name in `drama.prune.families.FAMILIES`; None: can't be pruned."""
    fused: bool = False
    """Whether `drama.retriever.forward.fused` computes its layers."""
    encoder: str | None = None
    """Where an encoder's layers are, from `AutoModel`; None: not an encoder that `drama.prune` can cut."""


ARCHITECTURES = {
    "llama": Architecture(pruned_as="llama", fused=True),  # Llama 2 and 3, SmolLM2
    "mistral": Architecture(pruned_as="llama", fused=True),
    "qwen2": Architecture(pruned_as="llama", fused=True),  # Qwen2 and 2.5
    "qwen3": Architecture(pruned_as="qwen3"),
    "gemma3_text": Architecture(pruned_as="gemma3"),
    "bert": Architecture(encoder="encoder.layer"),  # MiniLM, multilingual-e5-small
    "roberta": Architecture(encoder="encoder.layer"),
    "xlm-roberta": Architecture(encoder="encoder.layer"),
    "mpnet": Architecture(encoder="encoder.layer"),
    "modernbert": Architecture(encoder="layers"),
}


def architecture(config: Any) -> Architecture:
    """What can be done with the model that a transformers config describes; nothing where it is unknown."""
    return ARCHITECTURES.get(config.model_type, Architecture())
