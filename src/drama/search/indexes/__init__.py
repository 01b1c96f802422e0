"""Kinds of index. A new kind is a file with a class of the form `VectorIndex`, and a line in `KINDS`."""

from drama.search.indexes.exact import ExactIndex
from drama.search.indexes.kind import VectorIndex

KINDS: dict[str, type[VectorIndex]] = {"exact": ExactIndex}
"""Name in settings, on the command line and in `index.json` → class."""

__all__ = ["KINDS", "VectorIndex"]
