"""What a terminal would obey is shown, in everything that people read."""

import io
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from drama import console
from drama.console import note, one_line, printable, progress, track, warn
from drama.files import write_json
from drama.records import Document
from drama.report import print_results, print_summary
from drama.search import build_index, encode_for_index
from drama.search.settings import SearchSettings
from drama.workspace import open_stage

HOSTILE = "\x1b[2J\x1b]0;title\x07 [red]a[/red] [/] :smile: \x9b31m\r\u202eback\x00\nnext line"
SHOWN = r"\x1b[2J\x1b]0;title\x07 [red]a[/red] [/] :smile: \x9b31m"


def obeyed(text: str) -> set[str]:
    """Characters but line feeds that are no text."""
    return {c for c in text if c != "\n" and not c.isprintable() and c not in "\u200e\u200f"}


@given(st.text())
def test_nothing_that_is_printed_controls_a_terminal(text: str) -> None:
    for shown in (printable(text), one_line(text)):
        assert not {c for c in shown if ord(c) < 32 or 127 <= ord(c) < 160} - {"\n", "\t"}
        shown.encode()
    assert "\n" not in one_line(text)
    assert printable(printable(text)) == printable(text)


def test_notes_warnings_and_progress_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    for terminal in (False, True):
        out = io.StringIO()
        made = Console(
            file=out, highlight=False, emoji=False, force_terminal=terminal, color_system=None, width=300
        )
        monkeypatch.setattr(console, "console", made)
        note(HOSTILE)
        warn(HOSTILE)
        assert list(track([1], HOSTILE)) == [1]
        said = out.getvalue()
        assert said.count(SHOWN) >= 3
        assert "\x9b" not in said
        assert "\x1b[2J" not in said
        assert "\x1b]0" not in said


def test_a_note_is_one_line_of_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(console, "console", Console(file=out, highlight=False, emoji=False, width=40))
    note("many words " * 20)
    warn("many words " * 20)
    assert len(out.getvalue().splitlines()) == 2


def test_hits_and_tables(
    tiny_llm: Path, tmp_path: Path, run_drama, capsys: pytest.CaptureFixture[str]
) -> None:
    encode_for_index(tiny_llm, [Document(f"id {HOSTILE[:9]}", "", HOSTILE)], tmp_path / "index")
    build_index(tmp_path / "index")
    found = run_drama("search", tmp_path / "index", HOSTILE)
    assert found.code == 0
    assert not obeyed(found.stdout)
    assert SHOWN in found.stdout
    assert len(found.stdout.splitlines()) == 2
    with open_stage(tmp_path / "run/search", "search", SearchSettings(), {}) as stage:
        hit = {"rank": 1, "id": HOSTILE, "score": 0.75, "text": HOSTILE}
        write_json(stage.folder / "examples.json", [{"query": HOSTILE, "hits": [hit]}])
    print_summary(tmp_path / "run")
    metrics = {"nDCG@10": 0.5, "R@100": 0.5, "RR@10": 0.5}
    row = {"model": HOSTILE, "collection": "[red]:smile:", "dim": None, "documents_per_second": 1.0}
    print_results([{**row, "metrics": metrics, "p_value_vs_bm25": None}])
    said = capsys.readouterr().out
    assert not obeyed(said)
    assert said.count("[red]a[/red] [/] :smile:") >= 3
    assert "[red]:smile:" in said


def test_the_message_of_an_error(run_drama: Any) -> None:
    done = run_drama("search", "/nowhere/\x1b[2J", "a query")
    assert done.code == 2
    assert r"/nowhere/\x1b[2J: not an index" in done.stderr
    assert not obeyed(done.stderr)


def test_a_long_task_says_where_it_is_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(console, "console", Console(file=out, highlight=False, emoji=False, width=200))
    monkeypatch.setattr(console, "_EVERY", 0.0)
    with progress("read", 2000) as bar:
        bar.advance(500, "loss 0.1")
        bar.advance(1500)
    lines = out.getvalue().splitlines()
    assert re.fullmatch(r"read: 500 of 2,000 in \d+ s, \d+ s left, loss 0\.1", lines[0])
    assert lines[-1].startswith("read: 2000 in ")
    out.truncate(0)
    monkeypatch.setattr(console, "_EVERY", 3600.0)
    assert len(list(track(range(50), "quick"))) == 50
    assert out.getvalue().count("\n") == 1
