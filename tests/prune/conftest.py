"""A stage that is stopped on its way."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from drama.prune.learn.recover import Recovery


@pytest.fixture
def stopped_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], AbstractContextManager[None]]:
    """`with stopped_after(5): prune(…)` lets five recovery steps of one micro-batch pass, stops the sixth."""
    real = Recovery.backward

    @contextmanager
    def stopping(passed: int) -> Iterator[None]:
        calls = iter(range(99))

        def stops(self: Recovery, *given: Any) -> Any:
            if next(calls) == passed:
                raise KeyboardInterrupt
            return real(self, *given)

        with monkeypatch.context() as patch:
            patch.setattr(Recovery, "backward", stops)
            with pytest.raises(KeyboardInterrupt):
                yield

    return stopping
