"""Texts that have no vector yet, found while texts are read."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from drama.console import Bar
from drama.retriever.store.places import Places


class Missing:
    """Blocks of texts to encode. The caller calls `encoded` when a block's vectors have a place.
    Several blocks may be in progress at once; no text is in two of them.

    Args:
        places: the vectors that exist.
        key: key of a text, `places.KEY` ASCII characters.
        texts: read once, part by part.
        part: texts in memory at once.
        block: texts of a block.
        bar: advances with the texts that need not be encoded; the caller moves it on by those that were.
    """

    def __init__(
        self, places: Places, key: Callable[[str], str], texts: Iterable[str], part: int, block: int, bar: Bar
    ) -> None:
        self._places, self._key, self._texts = places, key, texts
        self._part, self._block, self._bar = part, block, bar
        self._in_progress: deque[list[str]] = deque()
        self._asked: set[str] = set()
        self.keys = bytearray()
        """The keys of all texts read so far, concatenated."""

    def blocks(self) -> Iterator[list[str]]:
        """Texts without a vector, in the order in which they are read."""
        waiting: dict[str, str] = {}
        source = iter(self._texts)
        while part := list(islice(source, self._part)):
            keys = [self._key(text) for text in part]
            self.keys.extend("".join(keys).encode())
            known = self._places.find([*dict.fromkeys(keys)])
            new = {k: t for k, t in zip(keys, part, strict=True) if k not in known and k not in self._asked}
            self._asked.update(new)
            self._bar.advance(len(part) - len(new))
            for key, text in new.items():
                waiting[key] = text
                if len(waiting) == self._block:
                    yield self._hand_out(waiting)
                    waiting = {}
        if waiting:
            yield self._hand_out(waiting)

    def _hand_out(self, block: dict[str, str]) -> list[str]:
        self._in_progress.append(list(block))
        return list(block.values())

    def encoded(self) -> list[str]:
        """Mark the oldest block in progress as encoded, and return its keys."""
        keys = self._in_progress.popleft()
        self._asked.difference_update(keys)
        return keys
