"""Which texts have no vector yet, found while the texts are read."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from drama.console import Bar
from drama.retriever.store.rows import Places

KEY = 32
"""Characters of a key."""


class Missing:
    """Blocks of texts to encode. Whoever takes one calls `encoded` when its vectors are in the index, or are
    about to be; several may be under way at once, and no text is in two of them.

    Args:
        index: what is there.
        key: of a text, `KEY` ASCII characters.
        texts: read once, part by part.
        part: texts that are in memory at once.
        block: texts of a block.
        bar: advances with what has been read.
    """

    def __init__(
        self, index: Places, key: Callable[[str], str], texts: Iterable[str], part: int, block: int, bar: Bar
    ) -> None:
        self._index, self._key, self._texts = index, key, texts
        self._part, self._block, self._bar = part, block, bar
        self._under_way: deque[list[str]] = deque()
        self._asked: set[str] = set()
        self.keys = bytearray()
        """Of all texts read so far, one behind the other."""

    def blocks(self) -> Iterator[list[str]]:
        """Texts without a vector, as they are come upon."""
        waiting: dict[str, str] = {}
        source = iter(self._texts)
        while part := list(islice(source, self._part)):
            keys = [self._key(text) for text in part]
            self.keys.extend("".join(keys).encode())
            known = self._index.find([*dict.fromkeys(keys)])
            new = {k: t for k, t in zip(keys, part, strict=True) if k not in known and k not in self._asked}
            self._asked.update(new)
            for key, text in new.items():
                waiting[key] = text
                if len(waiting) == self._block:
                    yield self._hand_out(waiting)
                    waiting = {}
            self._bar.advance(len(part))
        if waiting:
            yield self._hand_out(waiting)

    def _hand_out(self, block: dict[str, str]) -> list[str]:
        self._under_way.append(list(block))
        return list(block.values())

    def encoded(self) -> list[str]:
        """Keys of the block that was taken first and is not encoded yet: it is now."""
        keys = self._under_way.popleft()
        self._asked.difference_update(keys)
        return keys
