"""Which tokens stay: those that the texts use, the parts of their merges, and those that other texts fall
back on.

A word whose tokens all stay is tokenised as before: each of its merges produces a part of one of them.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel

_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_SPACE = "▁"


def kept_tokens(spec: dict[str, Any], frequent: Iterable[int]) -> list[int]:
    """Ids that stay, in rising order.

    Args:
        spec: the contents of a `tokenizer.json` with a BPE model.
        frequent: ids that the texts use often.
    """
    vocabulary: dict[str, int] = spec["model"]["vocab"]
    token = {i: t for t, i in vocabulary.items()}
    parts: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for left, right in merges_of(spec):
        parts[left + right].append((left, right))
    kept = {a["id"] for a in spec["added_tokens"]}
    todo = [token[i] for i in frequent if i in token]
    todo += [t for t in (*ByteLevel.alphabet(), _SPACE) if t in vocabulary]
    todo += [t for t in vocabulary if _BYTE.fullmatch(t)]
    unknown = spec["model"].get("unk_token")
    todo += [unknown] if unknown in vocabulary else []
    while todo:
        text = todo.pop()
        if vocabulary[text] not in kept:
            kept.add(vocabulary[text])
            todo += [side for pair in parts[text] for side in pair]
    return sorted(kept)


def merges_of(spec: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """The merges as pairs, by rank; files store them as pairs or as 'left right'."""
    for merge in spec["model"]["merges"]:
        left, right = merge.split(" ") if isinstance(merge, str) else merge
        yield left, right


def frequent_by_language(counts: Mapping[str, Counter[int]], coverage: float) -> dict[str, list[int]]:
    """For each language the most frequent of its ids that together reach this share of its uses, ties to the
    lower id. So a small language has its own, however large the others are.

    >>> frequent_by_language({"en": Counter({7: 50, 3: 40, 4: 10}), "yo": Counter({9: 2})}, 0.9)
    {'en': [7, 3], 'yo': [9]}
    """
    return {language: _frequent(own, coverage) for language, own in sorted(counts.items())}


def _frequent(counts: Counter[int], coverage: float) -> list[int]:
    wanted, reached, found = coverage * counts.total(), 0, []
    for token, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        if reached >= wanted:
            break
        reached += count
        found.append(token)
    return found
