"""events.jsonl: one JSON object a step; on a resume, the steps that will be redone are removed."""

import json
import os
from pathlib import Path
from typing import Any

from drama.console import warn
from drama.files import write_text


class EventLog:
    """Append-only log of steps.

    Args:
        path: the file.
        after: the checkpoint's step: later events and torn lines are dropped, and missing ones warned of.
    """

    def __init__(self, path: Path, after: int) -> None:
        kept = [e for e in read_events(path) if e["step"] <= after] if path.is_file() else []
        if len(kept) < after:
            warn(f"{path}: the events of {after - len(kept)} of the first {after} steps are missing")
        write_text(path, "".join(json.dumps(event) + "\n" for event in kept))
        self._handle = path.open("a", encoding="utf-8", buffering=1)

    def write(self, event: dict[str, Any]) -> None:
        """Append one event; it is handed to the operating system when this returns."""
        self._handle.write(json.dumps(event) + "\n")

    def close(self) -> None:
        """Close the file; everything is on the disk itself when this returns."""
        os.fsync(self._handle.fileno())
        self._handle.close()


def read_events(path: Path) -> list[dict[str, Any]]:
    """All complete events, without a last line that a kill cut off; other damaged lines are named."""
    events = []
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            try:
                event = json.loads(line)
                event["step"] + 0
            except (ValueError, TypeError, KeyError):
                if line.endswith(b"\n"):
                    warn(f"{path}, line {number}: damaged, left out")
                continue
            events.append(event)
    return events
