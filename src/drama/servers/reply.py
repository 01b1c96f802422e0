"""Reading what any server sends: its list of models, and Retry-After."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

_FACTS = ("n_params", "size", "n_vocab")
"""What llama.cpp says about its model's file."""


def described_model(reply: Any, name: str) -> str:
    """What a server's list of models says about one of them, as far as it is the same on every host: the name
    of its folder or file, and its size; empty where it says no more than the name.

    >>> listed = {"data": [{"id": "chat", "root": "/models/Qwen3-8B", "owned_by": "vllm", "created": 1}]}
    >>> described_model(listed, "chat"), described_model({"data": [{"id": "chat"}]}, "chat")
    ('Qwen3-8B', '')
    >>> described_model({"data": [{"id": "models/tea.gguf", "meta": {"n_params": 8, "n_ctx": 512}}]}, "any")
    'tea.gguf, n_params 8'
    """
    try:
        entries = [entry for entry in reply["data"] if isinstance(entry, Mapping)]
    except (KeyError, TypeError):
        return ""
    own = next((entry for entry in entries if entry.get("id") == name), None)
    if own is None and len(entries) == 1:  # llama.cpp answers to any name
        own = entries[0]
    if own is None:
        return ""
    root = own.get("root") or own.get("id")
    meta = own.get("meta")
    facts = [_last_part(root)] if isinstance(root, str) and root != name else []
    if isinstance(meta, Mapping):
        facts += [f"{key} {meta[key]}" for key in _FACTS if isinstance(meta.get(key), int)]
    return ", ".join(facts)


def _last_part(path: str) -> str:
    return path.replace("\\", "/").rstrip("/").rpartition("/")[2]


def retry_after(header: str, date: str = "") -> float:
    """Seconds to wait by a Retry-After header, a number or a date; 0 if it is neither.

    Args:
        header: its value.
        date: the answer's own Date header: the server's clock need not be ours.

    >>> retry_after("2.5"), retry_after("Wed, 21 Oct 2015 07:28:00 GMT"), retry_after("")
    (2.5, 0.0, 0.0)
    >>> retry_after("Wed, 21 Oct 2015 07:28:30 GMT", "Wed, 21 Oct 2015 07:28:00 GMT")
    30.0
    """
    try:
        seconds = float(header)
    except ValueError:
        until = _moment(header)
        if until is None:
            return 0.0
        seconds = (until - (_moment(date) or datetime.now(UTC))).total_seconds()
    return max(0.0, seconds) if math.isfinite(seconds) else 0.0


def _moment(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
