"""What decides which parts stay, one small file each."""

from drama.prune.methods.depth import Depth
from drama.prune.methods.importance import Importance
from drama.prune.methods.method import Method, Task
from drama.prune.methods.shearing import Shearing
from drama.prune.methods.uniform import Uniform

METHODS: dict[str, Method] = {
    "shearing": Shearing(),
    "importance": Importance(),
    "depth": Depth(),
    "uniform": Uniform(),
}
"""By the name that `prune.method` gives."""

__all__ = ["METHODS", "Method", "Task"]
