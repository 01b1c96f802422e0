"""A shuffled order of rows of which any place can be computed alone, in no memory: corpora have many rows."""

from collections.abc import Sequence
from hashlib import blake2b

_ROUNDS = 4


def shuffled(place: int, total: int, seed: Sequence[int]) -> int:
    """The row at a place (from 0) of one shuffled pass over the rows after another; each pass has an order of
    its own.

    A Feistel network permutes the next larger square of a power of two; what it puts outside is put through
    again until it is inside, so the rows are permuted too.

    >>> [shuffled(place, 5, [0]) for place in range(10)]
    [0, 1, 2, 3, 4, 2, 3, 0, 1, 4]
    """
    turn, row = divmod(place, total)
    bits = max(1, ((total - 1).bit_length() + 1) // 2)
    while True:
        left, right = row >> bits, row & ((1 << bits) - 1)
        for key in range(_ROUNDS):
            left, right = right, left ^ _scrambled((*seed, turn, key, right), bits)
        row = left << bits | right
        if row < total:
            return row


def _scrambled(numbers: Sequence[int], bits: int) -> int:
    digest = blake2b(repr(numbers).encode(), digest_size=8).digest()
    return int.from_bytes(digest) & ((1 << bits) - 1)
