"""Arguments that are not text, and settings that can't be: a line that says so, never a traceback."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

BAD = os.fsdecode(b"caf\xe9")
COMMANDS = [
    ("corpus", BAD, "--out", "o"),
    ("corpus", "python-docs", "--out", BAD),
    ("corpus", f"{BAD}?text=body", "--out", "o"),
    ("search", "index", BAD),
    ("evaluate", BAD, "c"),
    ("encode", "m", BAD, "--out", "o"),
    ("run", "r.yaml", "--set", f"run={BAD}"),
    ("pull", BAD),
    (BAD,),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0] if words[0] != BAD else "none")
def test_arguments_that_are_not_utf_8(
    words: tuple[str, ...], run_drama: Callable[..., Any], tmp_path: Path
) -> None:
    done = run_drama(*words, cwd=tmp_path)
    assert done.code == 2
    assert done.stdout == ""
    assert "is not UTF-8" in done.stderr
    assert "caf\\xe9" in done.stderr


def test_in_a_process_of_its_own(tmp_path: Path) -> None:
    """Where stderr is strict about what it can print, as in a pipe."""
    folder = tmp_path / BAD
    folder.mkdir()
    (folder / "in").mkdir()
    (folder / "in/a.txt").write_text("Tea is green, and green tea is not fermented.")
    code = "from drama.cli import main; main()"

    def drama(*words: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-c", code, *words]
        return subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)

    refused = drama("corpus", BAD, "--out", "out")
    assert (refused.returncode, refused.stdout) == (2, b"")
    assert b"argument 'caf\\xe9' is not UTF-8" in refused.stderr
    # The folder that a command runs in is no argument: its name may be anything.
    for outcome in (b"ok: 1", b"unchanged, skipped"):
        done = drama("corpus", "in", "--out", "out", "--language", "en")
        assert done.returncode == 0, done.stderr
        assert outcome in done.stderr


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("[" * 5000, "nested too deeply"),
        ("9" * 5000, "not valid YAML"),
        ("2024-99-99", "not valid YAML"),
        ('"\\ud83d"', "not a text"),
        ('"a\\0b"', "not a text"),
        ("{[a]: b}", "not valid YAML"),
    ],
)
def test_values_that_cannot_be_read(
    value: str, message: str, run_drama: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "r.yaml").write_text(f"run: {value}\n")
    for words in (("run", "r.yaml"), ("run", "quickstart", "--set", f"run={value}")):
        done = run_drama(*words, cwd=tmp_path)
        assert done.code == 2, done.stderr[-2000:]
        assert message in " ".join(done.stderr.split())
