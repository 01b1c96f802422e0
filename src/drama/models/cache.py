"""Where resolved models are kept: `$DRAMA_CACHE/models`, by default `~/.cache/drama/models`."""

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """The folder of a cached model; whole if it exists, since it is put there by one rename."""
    root = os.environ.get("DRAMA_CACHE")
    base = Path(root) if root else Path.home() / ".cache" / "drama"
    return base / "models" / name
