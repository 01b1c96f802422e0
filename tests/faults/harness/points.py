"""Points of a process: its changes of files under one folder, counted, and a signal at a chosen one.

A point is just before an open for writing, mkdir, rename, remove, rmdir, link or truncation (by audit events,
nothing in the code under test is replaced), before an fsync, and before and after a commit of sqlite.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_DIR_FD = {"os.remove": 1, "os.rmdir": 1, "os.mkdir": 2, "os.rename": 2, "os.link": 2, "os.truncate": None}
"""Events that change files, and which of their arguments is the folder of a relative path."""


class Points:
    """Counts; at the chosen point the signal goes to this process, and SIGKILL to its whole group."""

    def __init__(self, root: Path, at: int | None, number: int = signal.SIGKILL) -> None:
        self.root, self.at, self.signal = os.path.realpath(root), at, number
        self.count = 0

    def install(self) -> None:
        """Count in this process from now on."""
        sys.addaudithook(self._audit)
        real_fsync, real_connect = os.fsync, sqlite3.connect

        def fsync(handle: int) -> None:
            if self._ours(_opened(handle)):
                self._pass()
            real_fsync(handle)

        def connect(path: Any, *args: Any, **named: Any) -> sqlite3.Connection:
            own = self._ours(os.fspath(path))
            factory = _counting(self._pass) if own else sqlite3.Connection
            return real_connect(path, *args, **{"factory": factory, **named})

        os.fsync, sqlite3.connect = fsync, connect  # type: ignore[assignment]

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = args
            writes = any(c in mode for c in "wax+") if mode else bool((flags or 0) & _WRITES)
            if writes and not isinstance(path, int) and self._ours(os.fsdecode(path)):
                self._pass()
        elif event in _DIR_FD:
            place = _DIR_FD[event]
            folder = args[place] if place is not None else -1
            path = os.fsdecode(args[0]) if not isinstance(args[0], int) else f"/proc/self/fd/{args[0]}"
            if isinstance(folder, int) and folder >= 0:
                path = os.path.join(_opened(folder), path)  # noqa: PTH118
            if self._ours(path):
                self._pass()

    def _ours(self, path: str) -> bool:
        return os.path.abspath(path).startswith(self.root)  # noqa: PTH100

    def _pass(self) -> None:
        self.count += 1
        if self.count != self.at:
            return
        if self.signal == signal.SIGKILL:
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), self.signal)


def _opened(handle: int) -> str:
    """The path of an open file."""
    return str(Path(f"/proc/self/fd/{handle}").readlink())


def _counting(point: Callable[[], None]) -> type[sqlite3.Connection]:
    class Counting(sqlite3.Connection):
        def commit(self) -> None:
            point()
            super().commit()
            point()

        def __exit__(self, *error: Any) -> Any:
            point()
            done = super().__exit__(*error)
            point()
            return done

    return Counting
