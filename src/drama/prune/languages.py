"""What pruning cost each language (or corpus), and which of them it lost."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

LOST_ABOVE = 2.0
"""A domain is called lost where the child's perplexity is more than this many times the parent's. A
convention; no study set it."""


class Language(NamedTuple):
    """One domain's held-out perplexity, before and after."""

    name: str
    parent: float
    sliced: float
    pruned: float
    """The finished model's: recovered, where there was a recovery."""
    ratio: float
    """Pruned to parent."""
    read: bool
    """Whether pruning read it, or only measured it."""
    lost: bool


def compare(
    parent: Mapping[str, float],
    sliced: Mapping[str, float],
    pruned: Mapping[str, float],
    left_out: Collection[str],
) -> list[Language]:
    """Languages by their perplexities; the one that lost most comes first.

    >>> found = compare({"de": 20, "fi": 30}, {"de": 90, "fi": 99}, {"de": 25, "fi": 75}, ["fi"])
    >>> [(one.name, one.ratio, one.read, one.lost) for one in found]
    [('fi', 2.5, False, True), ('de', 1.25, True, False)]
    """
    found = []
    for name, before in parent.items():
        ratio = pruned[name] / before
        read, lost = name not in left_out, ratio > LOST_ABOVE
        found.append(Language(name, before, sliced[name], pruned[name], round(ratio, 3), read, lost))
    return sorted(found, key=lambda one: -one.ratio)


def in_words(languages: Sequence[Language]) -> str:
    """Which were lost and which were kept.

    >>> in_words(compare({"de": 20, "fi": 30}, {"de": 90, "fi": 99}, {"de": 25, "fi": 75}, []))
    "lost (perplexity more than 2 times the parent's): fi (x2.5); kept: de (x1.25)"
    """

    def names(lost: bool) -> str:
        return ", ".join(f"{one.name} (x{one.ratio:g})" for one in languages if one.lost == lost) or "none"

    rule = f"perplexity more than {LOST_ABOVE:g} times the parent's"
    return f"lost ({rule}): {names(True)}; kept: {names(False)}"
