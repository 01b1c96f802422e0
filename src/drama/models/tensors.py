"""Are a loaded model's tensors all of the checkpoint's, and numbers? transformers only warns where they are
not, and draws what is missing at random."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from drama.console import warn
from drama.errors import DramaError

_MAY_BE_MISSING = re.compile(r"(^|\.)(pooler\.|position_ids$)")
"""Poolers of BERT's kind, which nobody here reads, and what is counted and not learnt."""
_MAY_BE_LEFT = re.compile(
    r"(^|\.)(pooler\.|position_ids$|inv_freq$|masked_bias$|attn\.bias$|lm_head\.|cls\.|classifier\.|score\."
    r"|qa_outputs\.|lm_predictions\.|mlm_head\.|generator_|discriminator_|predictions\.|vocab_)"
)
"""Heads for other tasks, and buffers that are computed."""
TELL = {"output_loading_info": True, "ignore_mismatched_sizes": True}
"""Have transformers say what does not fit, and not only that something does not."""


def check_loaded(folder: Path, model: Any, found: Mapping[str, Any]) -> None:
    """Check what transformers says about the tensors of a checkpoint.

    Args:
        folder: for messages.
        model: as loaded.
        found: `output_loading_info` of `from_pretrained`.

    Raises:
        DramaError: tensors of the model are missing or have another shape, or the checkpoint holds tensors
            that belong to parts of the model and have no place in it.
    """
    missing = sorted(name for name in found["missing_keys"] if not _MAY_BE_MISSING.search(name))
    left = sorted(name for name in found["unexpected_keys"] if not _MAY_BE_LEFT.search(name))
    if found["mismatched_keys"]:
        name, held, wanted = min(found["mismatched_keys"])
        raise DramaError(
            f"{folder}: {name} has the shape {tuple(held)}, and config.json says {tuple(wanted)}"
        )
    if missing:
        first, other = missing[0], _prefix(missing, left, model.base_model_prefix)
        raise DramaError(
            f"{folder}: {len(missing)} tensors of the model are not in the checkpoint, for example {first}"
            + (f"; names there begin with '{other}'" if other else ""),
            hint=f"save the model without '{other}' in the names of its tensors"
            + (" (PEFT: merge_and_unload)" if "base_model" in other else "")
            if other
            else "the checkpoint belongs to another model, or is incomplete",
        )
    parts = {name for name, _ in (*model.named_children(), *model.base_model.named_children())}
    own = [name for name in left if _first_part(name, model.base_model_prefix) in parts]
    if own:
        raise DramaError(
            f"{folder}: the checkpoint holds {len(own)} tensors that config.json's model has no place for,"
            f" for example {own[0]}",
            hint="config.json is not this checkpoint's: its layers, biases or adapters differ",
        )
    if left:
        warn(f"{folder}: {len(left)} tensors are not used by a {type(model).__name__}, for example {left[0]}")


def _prefix(missing: list[str], left: list[str], base: str) -> str:
    """What stands before names in the checkpoint and does not belong there; empty where nothing does."""
    for wanted, name in ((wanted, name) for wanted in missing for name in left):
        if name.endswith(f".{wanted}"):
            before = name.removesuffix(wanted)
            whole = wanted.startswith(f"{base}.")
            return before if whole else before.removesuffix(f"{base}.") or before
    return ""


def _first_part(name: str, prefix: str) -> str:
    return name.removeprefix(f"{prefix}.").split(".", 1)[0]


def check_finite(folder: Path, model: torch.nn.Module) -> None:
    """Refuse weights that are not numbers.

    Raises:
        DramaError: a tensor holds NaN or infinity.
    """
    for name, tensor in model.named_parameters():
        if tensor.numel() and tensor.is_floating_point():
            low, high = tensor.detach().aminmax()  # both are NaN where one value is
            if not (torch.isfinite(low) and torch.isfinite(high)):
                raise DramaError(
                    f"{folder}: {name} holds NaN or infinity",
                    hint="the training that wrote it diverged, or the file is damaged",
                )
