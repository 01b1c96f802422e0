"""What a stage left, as two runs must leave it: bytes, but for times and for what was not done again."""

import hashlib
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

_TIMES = re.compile(
    r"seconds|^outputs$|per_second|per_sec|started|machine|versions|command|^paths$|^llm: |cost|speed"
)
"""Keys of JSON objects that differ between two runs: times, and requests that one of them had on disk."""
TEMPORARY = ".partial"


def outputs(folder: Path) -> dict[str, str]:
    """Relative path → digest of what counts, of all files in a folder."""
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            name = file.relative_to(folder).as_posix()
            if (digest := _digest(file)) is not None:
                found[name] = digest
    return found


def differences(expected: dict[str, str], got: dict[str, str]) -> list[str]:
    """In words, one for each file."""
    lines = [f"{name} is missing" for name in expected if name not in got]
    lines += [f"{name} was left over" for name in got if name not in expected]
    return lines + [f"{name} differs" for name in expected if name in got and expected[name] != got[name]]


def _digest(file: Path) -> str | None:
    """None for files of a store, whose names depend on what was encoded together, and for sqlite's own."""
    if file.name in ("report.html", "places.sqlite") or file.suffix == ".mark":
        return "there"  # times; places that no text asks for; what a finished part was made from
    if file.suffix in (".json", ".jsonl"):
        text = file.read_text(encoding="utf-8", errors="replace")
        rows = text.splitlines() if file.suffix == ".jsonl" else [text]
        try:
            return _hash(json.dumps([_timeless(json.loads(row)) for row in rows]).encode())
        except ValueError:
            return _hash(text.encode())
    if file.suffix == ".sqlite":
        with sqlite3.connect(file) as db:
            return _hash(json.dumps(sorted(db.execute("select * from answers"))).encode())
    if file.name.endswith((".sqlite-journal", ".sqlite-wal", ".sqlite-shm", ".lock", ".damaged")):
        return None  # the last: a cache that was set aside, which a warning names
    if file.suffix == ".npy" and (file.parent / "places.sqlite").is_file():
        return None
    return _hash(file.read_bytes())


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _timeless(v) for k, v in value.items() if not _TIMES.search(k) and k != "checksum"}
    return [_timeless(v) for v in value] if isinstance(value, list) else value
