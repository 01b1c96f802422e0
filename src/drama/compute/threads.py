"""How many threads compute: as many as there are idle cores.

Threads of one matrix product wait for the slowest of them, so a single thread on a busy core makes all of
them several times slower than fewer threads would be.
"""

import math
import os
import time
from pathlib import Path

from drama.console import note

VARIABLE = "OMP_NUM_THREADS"
"""Torch, MKL and numpy's BLAS read it as they are imported."""
_WATCHED = 0.2
"""Seconds."""


def choose_threads() -> None:
    """Set `OMP_NUM_THREADS` where it is not set and fewer cores are idle than there are, and say so.

    To be called before torch and numpy are imported.
    """
    if os.environ.get(VARIABLE):
        return
    own, allowed, idle = len(_own_cores()), cores_here(), _idle_cores()
    threads = threads_for(allowed, idle)
    if threads >= own:
        return
    os.environ[VARIABLE] = str(threads)
    why = f"the container allows {allowed:g}"
    if idle is not None and idle < allowed - 0.5:
        why = f"other processes keep {own - idle:.1f} busy"
    note(f"threads: {threads}, of {own} cores {why}; {VARIABLE} sets another number")


def threads_for(cores: float, idle: float | None) -> int:
    """Threads for so many cores, of which so many are idle; None: not known.

    >>> [threads_for(2, idle) for idle in (None, 1.9, 1.5, 1.1, 0.2)], threads_for(1.5, 4.0)
    ([2, 2, 2, 1, 1], 1)
    """
    free = cores if idle is None else min(cores, idle + 0.5)
    return max(1, math.floor(free))


def cores_here() -> float:
    """Cores that this process may use: its affinity, and what its control group allows."""
    own = float(len(_own_cores()))
    quota = _quota(Path("/sys/fs/cgroup"))
    return own if quota is None else min(own, quota)


def _quota(folder: Path) -> float | None:
    """Cores that a control group allows (version 2, or 1); None: all."""
    try:
        if (folder / "cpu.max").is_file():
            most, period = (folder / "cpu.max").read_text().split()
        else:
            most = (folder / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (folder / "cpu" / "cpu.cfs_period_us").read_text().strip()
        return int(most) / int(period) if int(most) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):  # `max`, or no control groups
        return None


def _own_cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _idle_cores(watched: float = _WATCHED) -> float | None:
    """How many of our cores were idle while we slept; None where the system does not say."""
    before = _times()
    time.sleep(watched)
    after = _times()
    shares = [
        (after[core][0] - before[core][0]) / (after[core][1] - before[core][1])
        for core in _own_cores() & before.keys() & after.keys()
        if after[core][1] > before[core][1]
    ]
    return sum(shares) if shares else None


def _times(stat: Path = Path("/proc/stat")) -> dict[int, tuple[int, int]]:
    """Core → (idle ticks, all ticks) since the machine was started."""
    if not stat.is_file():
        return {}
    found = {}
    for line in stat.read_text().splitlines():
        name, *ticks = line.split()
        if name.startswith("cpu") and name != "cpu":
            values = [int(tick) for tick in ticks[:8]]
            found[int(name[3:])] = (values[3] + values[4], sum(values))  # idle, and waiting for a disk
    return found
