"""events.jsonl: one JSON object a step, appended; after a resume, steps that will be redone are cut off."""

import json
from pathlib import Path
from typing import Any

from drama.files import write_text


class EventLog:
    """Append-only log of steps.

    Args:
        path: the file.
        after: keep events up to this step (what the checkpoint holds), drop later ones and torn lines.
    """

    def __init__(self, path: Path, after: int) -> None:
        kept = [e for e in read_events(path) if e["step"] <= after] if path.is_file() else []
        write_text(path, "".join(json.dumps(event) + "\n" for event in kept))
        self._handle = path.open("a", encoding="utf-8", buffering=1)

    def write(self, event: dict[str, Any]) -> None:
        """Append one event; it is on its way to disk when this returns."""
        self._handle.write(json.dumps(event) + "\n")

    def close(self) -> None:
        """Close the file."""
        self._handle.close()


def read_events(path: Path) -> list[dict[str, Any]]:
    """All whole events of a log; a last line that was cut off by a kill is left out."""
    events = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            events.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return events
