"""Small and read-only file systems: tmpfs over a folder. Only root may mount; others skip these faults."""

import functools
import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Disk:
    """A mounted tmpfs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def used(self) -> int:
        """KiB that are taken."""
        found = os.statvfs(self.folder)
        return (found.f_blocks - found.f_bfree) * found.f_frsize // 1024

    def resize(self, kib: int) -> None:
        """Make it larger or smaller."""
        _mount("-o", f"remount,rw,size={kib}k", str(self.folder))

    def read_only(self) -> None:
        """Forbid all writes; files that are open for writing make this fail."""
        _mount("-o", "remount,ro", str(self.folder))

    def writable(self) -> None:
        """Allow writes again."""
        _mount("-o", "remount,rw", str(self.folder))


@contextmanager
def disk(folder: Path, kib: int) -> Iterator[Disk]:
    """A file system of this size at a folder, which is empty meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={kib}k", "tmpfs", str(folder))
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


@functools.cache
def can_mount() -> bool:
    """Whether this process may mount file systems."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as place:
        try:
            with disk(Path(place) / "disk", 64):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False
