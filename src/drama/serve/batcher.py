"""Batches of texts from requests that wait at the same time, by tokens.

One thread encodes. While it does, others wait; then it takes a share of each, so that a long request does
not keep short ones waiting.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple

import numpy as np

from drama.retriever.vectors import Array


class Prepared(NamedTuple):
    """A text that is ready to be encoded: its token ids where the model shows them, else the text."""

    kind: str
    """`query` or `document`."""
    content: str | Sequence[int]
    tokens: int


class BusyError(Exception):
    """Too much is waiting; `seconds` says when to try again."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"busy: try again in {seconds} s")
        self.seconds = seconds


class _Job:
    """What one request waits for."""

    def __init__(self, items: Sequence[Prepared]) -> None:
        self.items = items
        self.next = 0
        """The first item that was not taken yet."""
        self.rows: list[Array] = []
        self.future: Future[Array] = Future()

    def tokens_left(self) -> int:
        return sum(item.tokens for item in self.items[self.next :])


class Batcher:
    """Encodes what many threads submit.

    Args:
        encode: prepared texts → vectors [N, D].
        batch_tokens: of one call of `encode`.
        waiting_tokens: at most; a job that comes when nothing waits may be longer.
        watch: told of each batch: texts, tokens, seconds.

    >>> def encode(items):
    ...     return np.array([[float(item.tokens)] for item in items], dtype=np.float32)
    >>> batcher = Batcher(encode, batch_tokens=8, waiting_tokens=100)
    >>> batcher.submit([Prepared("query", "a", 2), Prepared("query", "b", 3)]).result().tolist()
    [[2.0], [3.0]]
    >>> batcher.close()
    """

    def __init__(
        self,
        encode: Callable[[Sequence[Prepared]], Array],
        batch_tokens: int,
        waiting_tokens: int,
        watch: Callable[[int, int, float], None] = lambda texts, tokens, seconds: None,
    ) -> None:
        self._encode, self._watch = encode, watch
        self._batch_tokens, self._most = batch_tokens, waiting_tokens
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._speed = 1000.0  # tokens a second, of the last batches
        self._thread = threading.Thread(target=self._run, name="encode", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Tokens that are not being encoded yet."""
        with self._changed:
            return sum(job.tokens_left() for job in self._jobs if not job.future.cancelled())

    def submit(self, items: Sequence[Prepared]) -> "Future[Array]":
        """Vectors [N, D] of some texts, at some time. Cancelling the future takes them out.

        Raises:
            BusyError: too much is waiting.
        """
        job = _Job(items)
        with self._changed:
            waiting = self.waiting
            if waiting and waiting + job.tokens_left() > self._most:
                raise BusyError(max(1, round(waiting / self._speed)))
            self._jobs.append(job)
            self._changed.notify()
        return job.future

    def close(self) -> None:
        """End the thread when all that was submitted is encoded."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._jobs and not self._closed:
                    self._changed.wait()
                batch = self._take()
                if not batch and self._closed and not self._jobs:
                    return
            if batch:
                self._answer(batch)

    def _take(self) -> list[tuple[_Job, Sequence[Prepared]]]:
        """A share of each job, together a batch; at least one text."""
        self._jobs = deque(job for job in self._jobs if not job.future.cancelled())
        batch: list[tuple[_Job, Sequence[Prepared]]] = []
        room = self._batch_tokens
        for place, job in enumerate([*self._jobs]):
            share, first = room / (len(self._jobs) - place), job.next
            taken = 0
            while job.next < len(job.items):
                more = taken + job.items[job.next].tokens
                if more > share and (batch or job.next > first):
                    break
                taken, job.next = more, job.next + 1
            if job.next > first:
                batch.append((job, job.items[first : job.next]))
                room = max(0, room - taken)
        left = [job for job in self._jobs if job.next < len(job.items)]
        self._jobs = deque(left[1:] + left[:1])  # another one is the first of the next batch
        return batch

    def _answer(self, batch: list[tuple[_Job, Sequence[Prepared]]]) -> None:
        """Encode a batch and end the jobs that are complete."""
        begin = time.perf_counter()
        items = [item for _, part in batch for item in part]
        try:
            vectors_ND = self._encode(items)
        except Exception as error:
            for job, _ in batch:
                self._fail(job, error)
            return
        seconds, tokens = time.perf_counter() - begin, sum(item.tokens for item in items)
        self._speed += 0.2 * (tokens / max(seconds, 1e-6) - self._speed)
        self._watch(len(items), tokens, seconds)
        start = 0
        for job, part in batch:
            job.rows.append(vectors_ND[start : start + len(part)])
            start += len(part)
            if job.next == len(job.items) and job.future.set_running_or_notify_cancel():
                job.future.set_result(np.concatenate(job.rows))

    def _fail(self, job: _Job, error: Exception) -> None:
        with self._changed:
            if job in self._jobs:
                self._jobs.remove(job)
        if job.future.set_running_or_notify_cancel():
            job.future.set_exception(error)
