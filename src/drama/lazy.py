"""Packages whose heavy names load their module at first use, so that `import drama` loads no torch.

Such a package imports these names for type checkers only, and finds them there at run time (PEP 562)::

    if TYPE_CHECKING:
        from drama.train.stage import train
    __getattr__ = lazy_names(__name__)
"""

import ast
import inspect
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any


def lazy_names(package: str) -> Callable[[str], Any]:
    """A package's `__getattr__`: imports a name, listed under `if TYPE_CHECKING:`, when it is first used.

    >>> import drama.lazy, drama
    >>> lazy_names("drama")("nonsense")
    Traceback (most recent call last):
    ...
    AttributeError: module 'drama' has no attribute 'nonsense'
    """
    tree = ast.parse(inspect.getsource(sys.modules[package]))
    blocks = [
        node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    modules = {alias.name: node.module or "" for node in imports for alias in node.names}

    def find(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(modules[name]), name)

    return find
