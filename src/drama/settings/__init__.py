"""Strict sections of settings, YAML, and `--set`. Each component owns its section, next to its code."""

from drama.settings.overrides import apply_overrides
from drama.settings.section import SAME_RESULT, Names, SameResult, Section
from drama.settings.yaml_file import read_yaml, write_yaml

__all__ = [
    "SAME_RESULT",
    "Names",
    "SameResult",
    "Section",
    "apply_overrides",
    "read_yaml",
    "write_yaml",
]
