"""When the next request to a server may be sent, across threads."""

import threading
import time


class Pace:
    """Keeps requests `interval` seconds apart, and holds all of them when the server asks for it.

    >>> pace = Pace(0.0)
    >>> pace.wait_turn(), pace.stop(), pace.wait_turn()
    (True, None, False)
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._next = 0.0

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

    def hold(self, seconds: float) -> None:
        """Send no request for this long."""
        with self._lock:
            self._next = max(self._next, time.monotonic() + seconds)

    def stop(self) -> None:
        """Send no request again, and wake the threads that wait."""
        self._stopped.set()
