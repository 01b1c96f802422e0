"""The backbone in training: its layers, and no dropout in them, whatever its config asks for.

A text may be computed twice in a step, by any of several processes, in a packed row or a padded one, and a
checkpoint holds no state of a random generator: with dropout none of these would give the same numbers.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from drama.errors import DramaError


def layers_of(backbone: Any) -> torch.nn.ModuleList:
    """The layers of a decoder stack.

    Raises:
        DramaError: the model has no list of layers.
    """
    layers: torch.nn.ModuleList | None = getattr(backbone, "layers", None)
    if layers is None:
        raise DramaError(
            f"train.compute.shard: a {backbone.config.model_type} backbone can't be sharded",
            hint="leave train.compute.shard out: each process then holds the whole model",
        )
    return layers


@contextmanager
def no_dropout(backbone: torch.nn.Module) -> Iterator[None]:
    """Set every dropout probability to 0 in the block: in layers, in what modules keep of their config, and
    in the config, which some read in each pass. Afterwards all have their values again."""
    configs = [m.config for m in backbone.modules() if getattr(m, "config", None) is not None]
    holders = {id(holder): holder for holder in (*backbone.modules(), *configs)}
    before = [
        (holder, name, value)
        for holder in holders.values()
        for name, value in vars(holder).items()
        if _is_probability(holder, name) and isinstance(value, float) and value > 0
    ]
    for holder, name, _ in before:
        setattr(holder, name, 0.0)
    try:
        yield
    finally:
        for holder, name, value in before:
            setattr(holder, name, value)


def _is_probability(holder: object, name: str) -> bool:
    """`attention_dropout`, `layerdrop`, `hidden_dropout_prob`, `attn_pdrop`, …, and torch's `Dropout.p`."""
    return "drop" in name or (name == "p" and isinstance(holder, torch.nn.modules.dropout._DropoutNd))
