"""Presets: one dial for the student's shape and the sizes that go with it. A recipe's own keys win."""

import difflib
from typing import Any

from drama.errors import DramaError

PRESETS: dict[str, dict[str, Any]] = {
    # For a CPU: the lowest layers of a small LLM.
    "tiny": {
        "prune": {"shape": {"layers": 2}, "method": "first"},
        "train": {"batch": {"size": 32}, "retriever": {"dims": [64, 128, 256], "max_length": 128}},
    },
    "small": {
        "prune": {"shape": {"layers": 2}, "method": "first"},
        "train": {"batch": {"size": 32}, "retriever": {"dims": [64, 128, 256], "max_length": 256}},
    },
    # The paper's two pruned shapes and batches (its 2048/7 and 1024/7 are over 32 GPUs), from Llama-3.2-1B.
    # Heads stay in kv groups; the paper expands GQA to MHA first (its kv heads equal its heads).
    "drama-0.1b": {
        "prune": {
            "parent": "meta-llama/Llama-3.2-1B",
            "shape": {"layers": 12, "hidden": 768, "heads": 12, "kv_heads": 4, "intermediate": 3072},
        },
        "train": {
            "steps": 200_000,
            "batch": {"size": 2048, "negatives": 7, "query_length": 64, "document_length": 256},
            "optimiser": {"learning_rate": 1e-4},
            "retriever": {"dims": [64, 128, 256, 512, 768], "max_length": 8192},
        },
    },
    "drama-0.3b": {
        "prune": {
            "parent": "meta-llama/Llama-3.2-1B",
            "shape": {"layers": 16, "hidden": 1024, "heads": 16, "kv_heads": 4, "intermediate": 4096},
        },
        "train": {
            "steps": 200_000,
            "batch": {"size": 1024, "negatives": 7, "query_length": 64, "document_length": 256},
            "optimiser": {"learning_rate": 5e-5},
            "retriever": {"dims": [64, 128, 256, 512, 768, 1024], "max_length": 8192},
        },
    },
}  # fmt: skip


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
    if name not in PRESETS:
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
