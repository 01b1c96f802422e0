"""What routes share: what is served now, and how texts become vectors within the time that is left."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request

from drama.errors import DramaError
from drama.files.reading import is_text
from drama.retriever.vectors import Array
from drama.serve.limits import Limits
from drama.serve.metrics import Metrics
from drama.serve.served import Model, Served

T = TypeVar("T")
_THREADS = 2
"""For cutting texts into tokens and for what is light."""


class Work:
    """The server's threads, limits and counters, and what it serves."""

    def __init__(self, served: Served, limits: Limits, metrics: Metrics) -> None:
        self.served, self.limits, self.metrics = served, limits, metrics
        self._pool = ThreadPoolExecutor(_THREADS, "work")
        self._scoring = ThreadPoolExecutor(1, "score")

    async def run(self, function: Callable[[], T]) -> T:
        """Run a function beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    async def score(self, function: Callable[[], T]) -> T:
        """Run a search beside the event loop, when nothing else computes: two computations at once on the
        same cores take longer than one after the other."""

        def alone() -> T:
            with self.served.computing:
                return function()

        async with asyncio.timeout(self.limits.seconds):
            return await asyncio.get_running_loop().run_in_executor(self._scoring, alone)

    async def vectors(self, model: Model, texts: Sequence[str], kind: str) -> tuple[Array, int]:
        """Vectors [N, D] of full width, and the number of tokens.

        Raises:
            BusyError: too much is waiting.
            TimeoutError: not done in time.
            DramaError: a text is empty, too long or not Unicode, or there are too many.
        """
        self.check(texts)
        async with asyncio.timeout(self.limits.seconds):
            items = await self.run(lambda: model.prepare(texts, kind))
            vectors_ND = await asyncio.wrap_future(model.batcher.submit(items))
        return vectors_ND, sum(item.tokens for item in items)

    def check(self, texts: Sequence[str]) -> None:
        """Refuse texts that can't be encoded.

        Raises:
            DramaError: a text is empty, too long or not Unicode, or there are too many.
        """
        if len(texts) > self.limits.texts:
            raise DramaError(f"{len(texts):,} texts; at most {self.limits.texts:,} at once")
        for number, text in enumerate(texts):
            if not text:
                raise DramaError(f"text {number} is empty")
            if len(text) > self.limits.characters:
                most = self.limits.characters
                raise DramaError(f"text {number} has {len(text):,} characters; at most {most:,}")
            if not is_text(text):
                raise DramaError(f"text {number} holds half a character (a lone surrogate)")


def work_of(request: Request) -> Work:
    """Of the app that a request came to."""
    found: Work = request.app.state.work
    return found
