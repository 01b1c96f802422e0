"""Which process made a temporary file or holds a lock, and whether it is gone."""

import hashlib
import os
import socket
from pathlib import Path
from typing import NamedTuple, Self


class Process(NamedTuple):
    """A process of some machine. Its start tells it from a later process with the same number."""

    host: str
    pid: int
    started: int
    """In clock ticks since the machine started; 0 where the system does not say."""

    @classmethod
    def this(cls) -> Self:
        """The process that asks."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, _started(pid))

    @property
    def mark(self) -> str:
        """A short form for file names; `mark_is_gone` reads it."""
        return f"{_short(self.host)}-{self.pid}-{self.started}"

    def is_gone(self) -> bool:
        """Whether it ran on this machine and has ended; a process elsewhere may still run."""
        return self.host == socket.gethostname() and not _runs(self.pid, self.started)


def mark_is_gone(mark: str) -> bool:
    """The same for a process that is known by its mark.

    >>> mark_is_gone(Process.this().mark)
    False
    >>> mark_is_gone(Process.this()._replace(pid=2**22 + 1).mark)  # above Linux's largest number
    True
    """
    host, pid, started = mark.split("-")
    return host == _short(socket.gethostname()) and not _runs(int(pid), int(started))


def _short(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:6]


def _runs(pid: int, started: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    now = _started(pid)
    return now == started or 0 in (now, started)


def _started(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[19])
