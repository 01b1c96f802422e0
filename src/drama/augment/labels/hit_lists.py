"""Hit lists: the rankings of very many queries in little memory."""

from array import array
from collections.abc import Iterable, Iterator, Sequence

from drama.records import Hit


class HitLists:
    """One ranking for each query. Kept as ids and scores; the list of hits is made when it is asked for.

    That is 16 bytes a hit; the ids themselves are the corpus' own.

    >>> lists = HitLists([[Hit("a", 2.0, 1), Hit("b", 1.0, 2)], []])
    >>> lists[0], lists[1], len(lists)
    ([Hit(document_id='a', score=2.0, rank=1), Hit(document_id='b', score=1.0, rank=2)], [], 2)
    """

    def __init__(self, rankings: Iterable[Sequence[Hit]]) -> None:
        self._ids: list[tuple[str, ...]] = []
        self._scores: list[array[float]] = []
        for hits in rankings:
            self._ids.append(tuple(hit.document_id for hit in hits))
            self._scores.append(array("d", (hit.score for hit in hits)))

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[list[Hit]]:
        return (self[at] for at in range(len(self)))

    def __getitem__(self, at: int) -> list[Hit]:
        pairs = zip(self._ids[at], self._scores[at], strict=True)
        return [Hit(document_id, score, rank) for rank, (document_id, score) in enumerate(pairs, start=1)]
