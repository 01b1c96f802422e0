"""Pace: when the next request may go out, for all threads of one server."""

import threading
import time


class Pace:
    """Keeps requests `interval` seconds apart, and all of them back when the server asks for it.

    >>> pace = Pace(0.0, threading.Event())
    >>> pace.wait_turn()
    """

    def __init__(self, interval: float, stop: threading.Event) -> None:
        self._interval = interval
        self._stop = stop
        self._lock = threading.Lock()
        self._next = 0.0

    def wait_turn(self) -> None:
        """Wait until this thread's request may go out, or until all is stopped."""
        while not self._stop.is_set():
            with self._lock:
                now = time.monotonic()
                if now >= self._next:
                    self._next = now + self._interval
                    return
                wait = self._next - now
            self._stop.wait(wait)

    def hold(self, seconds: float) -> None:
        """Let no request out for so long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)
