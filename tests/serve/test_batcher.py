"""Batches: vectors go to whom they belong, nobody starves, what is cancelled is not encoded."""

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from drama.retriever.vectors import Array
from drama.serve.batcher import Batcher, BusyError, Prepared


def items(*lengths: int) -> list[Prepared]:
    return [Prepared("document", [n], n) for n in lengths]


class Slow:
    """An encoder that waits until it may go on, and keeps what it was given."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = threading.Semaphore(0)
        self.begun = threading.Semaphore(0)

    def __call__(self, given: Sequence[Prepared]) -> Array:
        self.batches.append([item.tokens for item in given])
        self.begun.release()
        assert self.go.acquire(timeout=10)
        return np.array([[float(item.tokens)] for item in given], dtype=np.float32)


def test_what_waits_is_shared_out_by_tokens() -> None:
    encode = Slow()
    batcher = Batcher(encode, batch_tokens=10, waiting_tokens=1000)
    first = batcher.submit(items(1))
    encode.begun.acquire()
    long, short = batcher.submit(items(*[5] * 6)), batcher.submit(items(2, 2))
    assert batcher.waiting == 34
    for _ in range(9):
        encode.go.release()
    assert first.result(10).tolist() == [[1.0]]
    assert short.result(10).tolist() == [[2.0], [2.0]]
    assert long.result(10).tolist() == [[5.0]] * 6
    assert encode.batches[:2] == [[1], [5, 2, 2]]  # the short one needs not wait for the long one
    assert all(sum(batch) <= 10 for batch in encode.batches)
    batcher.close()


def test_a_text_longer_than_a_batch_is_encoded_alone() -> None:
    encode = Slow()
    batcher = Batcher(encode, batch_tokens=4, waiting_tokens=100)
    found = batcher.submit(items(9, 1, 9))
    for _ in range(9):
        encode.go.release()
    assert found.result(10).ravel().tolist() == [9, 1, 9]
    batcher.close()


def test_too_much_is_refused_and_room_comes_back() -> None:
    encode = Slow()
    batcher = Batcher(encode, batch_tokens=10, waiting_tokens=20)
    first = batcher.submit(items(10))
    encode.begun.acquire()
    second = batcher.submit(items(15))
    with pytest.raises(BusyError) as refused:
        batcher.submit(items(6))
    assert refused.value.seconds >= 1
    third = batcher.submit(items(5))
    second.cancel()
    fourth = batcher.submit(items(15))  # in the room of the one that was cancelled
    for _ in range(9):
        encode.go.release()
    assert [f.result(10).ravel().tolist() for f in (first, third, fourth)] == [[10], [5], [15]]
    assert [15, 5] not in encode.batches
    assert sum(map(sum, encode.batches)) == 30
    batcher.close()


def test_an_error_reaches_those_who_wait_and_the_thread_lives_on() -> None:
    def encode(given: Sequence[Prepared]) -> Array:
        if any(item.tokens == 13 for item in given):
            raise ValueError("thirteen")
        return np.ones((len(given), 2), dtype=np.float32)

    batcher = Batcher(encode, batch_tokens=15, waiting_tokens=100)
    with pytest.raises(ValueError, match="thirteen"):
        batcher.submit(items(13, 13, 13)).result(10)
    assert batcher.submit(items(1)).result(10).shape == (1, 2)
    assert batcher.waiting == 0
    batcher.close()


def test_many_threads_get_their_own_vectors() -> None:
    def encode(given: Sequence[Prepared]) -> Array:
        return np.array([[float(item.tokens)] for item in given], dtype=np.float32)

    batcher = Batcher(encode, batch_tokens=64, waiting_tokens=10**6)
    wrong: list[int] = []

    def ask(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(50):
            lengths = rng.integers(1, 30, size=int(rng.integers(1, 9))).tolist()
            if batcher.submit(items(*lengths)).result(10).ravel().tolist() != lengths:
                wrong.append(seed)

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    batcher.close()
