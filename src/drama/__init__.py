"""Turn a large language model into a small, fast dense retriever, for any corpus and any language.

The folders of this package are the pipeline, in the order data flows through them::

    models ─ corpus ─ prune ─ llm ─ augment ─ train ─ retriever ─ search ─ evaluate ─ report

Stages never import their neighbours; they meet in the run folder (`drama.workspace`). A recipe
(`drama.recipe`) names the stages' settings and runs them in order.

    >>> from drama import __version__
    >>> __version__.count(".")
    2
"""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names

__version__ = "0.1.0"
__all__ = ["Retriever", "__version__"]

if TYPE_CHECKING:
    from drama.retriever import Retriever

__getattr__ = lazy_names(__name__)
