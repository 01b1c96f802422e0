"""The cache of models: `$DRAMA_CACHE`, by default `~/.cache/drama`."""

import os
from pathlib import Path


def cache_root() -> Path:
    """The folder of everything that can be downloaded or computed again."""
    root = os.environ.get("DRAMA_CACHE")
    return Path(root) if root else Path.home() / ".cache" / "drama"


def cache_folder(name: str) -> Path:
    """The folder of a cached model, `$DRAMA_CACHE/models/NAME`; whole if it exists."""
    return cache_root() / "models" / name
