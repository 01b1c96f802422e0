"""What decides which parts stay, one small file each."""

from drama.prune.methods.depth import Depth
from drama.prune.methods.importance import Importance
from drama.prune.methods.method import Method
from drama.prune.methods.uniform import Uniform

METHODS: dict[str, Method] = {"importance": Importance(), "depth": Depth(), "uniform": Uniform()}
"""By the name that `prune.method` gives."""

__all__ = ["METHODS", "Method"]
