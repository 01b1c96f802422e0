"""The result file of a benchmark."""

from importlib.metadata import version
from pathlib import Path
from typing import Any

from drama.files import write_json
from drama.workspace.manifest import command, machine, versions


def write_result(
    path: Path,
    rounds: list[dict[str, Any]],
    summary: dict[str, Any],
    peers: tuple[str, ...],
    settings: dict[str, Any] | None = None,
) -> Path:
    """Write `{"command", "commit", "machine", "versions", "rounds", "summary"}`, and a study's `settings`;
    `peers` are packages."""
    found = versions() | {name: version(name) for name in peers}
    write_json(
        path,
        {
            "command": command(),
            "commit": found.get("commit"),
            "machine": machine(),
            "versions": found,
            **({} if settings is None else {"settings": settings}),
            "rounds": rounds,
            "summary": summary,
        },
    )
    return path
