"""Turn a large language model into a small, fast dense retriever, for any corpus and any language.

The folders of this package are the pipeline, in the order data flows through them::

    models ─ corpus ─ prune ─ llm ─ augment ─ train ─ retriever ─ search ─ evaluate ─ report

Stages never import each other; they exchange files in the run folder (`drama.workspace`). A recipe
(`drama.recipe`) holds the settings of all stages and runs them in order.

    >>> from drama import __version__
    >>> __version__.count(".")
    2
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Retriever", "__version__"]

if TYPE_CHECKING:
    from drama.retriever import Retriever


def __getattr__(name: str) -> Any:
    """`from drama import Retriever` imports torch on first use only."""
    if name == "Retriever":
        from drama.retriever import Retriever

        return Retriever
    raise AttributeError(f"module 'drama' has no attribute {name!r}")
