"""The needs of a stage that no earlier stage meets; they are checked before a run begins."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """The result of a stage's `needs(settings)`; `drama.recipe.check` checks it."""

    models: Sequence[str] = ()
    """Names, as `drama.models.resolve` takes them."""
    extras: Sequence[tuple[str, str]] = ()
    """(library, extra of drama-retrieval that installs it)."""
    collections: Sequence[tuple[str, str]] = ()
    """(BEIR folder, split): corpus, queries and judgments are read."""
    judgments: Sequence[tuple[str, str]] = ()
    """(BEIR folder, split): queries and judgments are read, and no corpus."""
