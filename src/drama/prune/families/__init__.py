"""What differs between model families, one small file each."""

from typing import Any

from drama.errors import DramaError
from drama.prune.families.family import Family, head_dim_of
from drama.prune.families.gemma3 import Gemma3
from drama.prune.families.llama import Llama
from drama.prune.families.qwen2 import Qwen2
from drama.prune.families.qwen3 import Qwen3

FAMILIES: tuple[type[Family], ...] = (Llama, Qwen2, Qwen3, Gemma3)

__all__ = ["FAMILIES", "Family", "check_family", "family_of", "head_dim_of"]


def family_of(model: Any) -> Family:
    """The family of a causal LM.

    Raises:
        DramaError: a family that can't be pruned yet.
    """
    return check_family(model.config)(model)


def check_family(config: Any) -> type[Family]:
    """The family that a config names.

    Raises:
        DramaError: a model with this config can't be pruned yet.
    """
    for family in FAMILIES:
        if config.model_type in family.types:
            return family
    known = ", ".join(t for family in FAMILIES for t in family.types)
    raise DramaError(
        f"prune: models of type '{config.model_type}' can't be pruned yet", hint=f"known types: {known}"
    )
