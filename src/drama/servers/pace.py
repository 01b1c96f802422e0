"""When the next request to a server may be sent, across threads."""

import threading
import time

_SLOWER, _FASTER = 1.5, 0.97
_FIRST_INTERVAL = 0.02
_FASTEST = 0.001


class Pace:
    """Keeps requests apart, holds all of them when the server asks for it, and finds the rate that it takes:
    each time the server says that they are too many, they come more slowly, and with each answer a little
    faster again.

    Args:
        interval: seconds between two requests, at least.

    >>> pace = Pace(0.0)
    >>> pace.wait_turn(), pace.stop(), pace.wait_turn()
    (True, None, False)
    """

    def __init__(self, interval: float) -> None:
        self._least = self._interval = interval
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._next = self._slowed = 0.0

    def wait_turn(self, delay: float = 0.0) -> bool:
        """Wait `delay` seconds, then until this thread may send a request. False: `stop` was called."""
        self._stopped.wait(delay)
        while not self._stopped.is_set():
            with self._lock:
                now = time.monotonic()
                if now >= self._next:
                    self._next = now + self._interval
                    return True
                wait = self._next - now
            self._stopped.wait(wait)
        return False

    def too_fast(self, sent: float, seconds: float) -> None:
        """The server refused a request for its rate: send none for this long, and then fewer.

        Args:
            sent: when the request was sent (`time.monotonic`). One that was under way when the pace changed
                says nothing about the new pace.
            seconds: how long the server asks to wait.
        """
        with self._lock:
            now = time.monotonic()
            self._next = max(self._next, now + seconds)
            if sent >= self._slowed:
                self._interval = max(_FIRST_INTERVAL, self._interval * _SLOWER)
                self._slowed = max(now, self._next)

    def hold(self, seconds: float) -> None:
        """Send no request for this long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def answered(self) -> None:
        """The server answered: a little faster again."""
        with self._lock:
            if self._interval > self._least:
                faster = self._interval * _FASTER
                self._interval = max(self._least, faster if faster > _FASTEST else 0.0)

    def stop(self) -> None:
        """Send no request again, and wake the threads that wait."""
        self._stopped.set()
