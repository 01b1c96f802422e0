"""What decides which parts stay: a registry, name → method."""

from drama.prune.methods.depth import Depth
from drama.prune.methods.first import First
from drama.prune.methods.importance import Importance
from drama.prune.methods.method import Method, Task
from drama.prune.methods.shearing.learn import Shearing
from drama.prune.methods.uniform import Uniform

METHODS: dict[str, Method] = {
    "shearing": Shearing(),
    "importance": Importance(),
    "first": First(),
    "depth": Depth(),
    "uniform": Uniform(),
}
"""By the name in `prune.method`."""

__all__ = ["METHODS", "Method", "Task"]
