"""What a stage needs that no earlier stage makes; so a run can be refused before its first stage."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Needs:
    """The answer of a stage's `needs(settings)`; `drama.recipe.check` sees that all of it is there."""

    models: Sequence[str] = ()
    """Names, as `drama.models.resolve` takes them."""
    extras: Sequence[tuple[str, str]] = ()
    """(library, extra of drama-retrieval that installs it)."""
    collections: Sequence[tuple[str, str]] = ()
    """(BEIR folder, split): corpus, queries and judgments are read."""
    judgments: Sequence[tuple[str, str]] = ()
    """(BEIR folder, split): queries and judgments are read, and no corpus."""
