"""Presets: one dial for the student's shape and the sizes that go with it. A recipe's own keys win."""

import difflib
from typing import Any

from drama.errors import DramaError


def _first_layers(max_length: int) -> dict[str, Any]:
    """For a CPU: the lowest two layers of a small LLM."""
    return {
        "prune": {"shape": {"layers": 2}, "method": "first"},
        "train": {"batch": {"size": 32}, "retriever": {"dims": [64, 128, 256], "max_length": max_length}},
    }


def _paper(layers: int, hidden: int, batch_size: int, learning_rate: float) -> dict[str, Any]:
    """One of the paper's pruned shapes, from Llama-3.2-1B, with its batch (in the paper over 32 GPUs).

    Heads stay in kv groups; the paper expands GQA to MHA first (its kv heads equal its heads).
    """
    shape = {"layers": layers, "hidden": hidden, "heads": hidden // 64, "kv_heads": 4}
    dims = [dim for dim in (64, 128, 256, 512, 768, 1024) if dim <= hidden]
    return {
        "prune": {"parent": "meta-llama/Llama-3.2-1B", "shape": {**shape, "intermediate": 4 * hidden}},
        "train": {
            "steps": 200_000,
            "batch": {"size": batch_size, "negatives": 7, "query_length": 64, "document_length": 256},
            "optimiser": {"learning_rate": learning_rate},
            "retriever": {"dims": dims, "max_length": 8192},
        },
    }


PRESETS: dict[str, dict[str, Any]] = {
    "tiny": _first_layers(max_length=128),
    "small": _first_layers(max_length=256),
    "drama-0.1b": _paper(layers=12, hidden=768, batch_size=2048, learning_rate=1e-4),
    "drama-0.3b": _paper(layers=16, hidden=1024, batch_size=1024, learning_rate=5e-5),
}


def with_preset(values: dict[str, Any]) -> dict[str, Any]:
    """The recipe's keys over those of the preset that it names.

    >>> with_preset({"preset": "tiny", "prune": {"shape": {"layers": 6}}})["prune"]
    {'shape': {'layers': 6}, 'method': 'first'}

    Raises:
        DramaError: no such preset.
    """
    name = values.get("preset")
    if name is None:
        return values
    if not isinstance(name, str) or name not in PRESETS:
        near = difflib.get_close_matches(str(name), PRESETS, n=1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(PRESETS)}"
        raise DramaError(f"preset: no preset '{name}'", hint)
    return _merge(PRESETS[name], values)


def _merge(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merge(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return result
