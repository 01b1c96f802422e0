"""The search page in a browser. Needs Chromium."""

import html
import re
import subprocess
from pathlib import Path

import pytest
from tests.report.test_page import CHROMIUM, QUIET
from tests.serve.conftest import Start

from drama.serve.app import create_app


@pytest.mark.skipif(not CHROMIUM, reason="needs Chromium")
def test_a_search_by_address_shows_marked_hits(index: Path, start: Start, tmp_path: Path) -> None:
    url = start(create_app(str(index), log=False))
    shown = subprocess.run(
        [CHROMIUM, *QUIET, f"--user-data-dir={tmp_path}", f"{url}/?q=pumps+and+valves&mode=bm25"],
        capture_output=True,
        text=True,
        timeout=120,
    ).stdout
    (first, *_) = re.findall(r"<li .*?</li>", shown, re.DOTALL)
    assert re.findall(r"<mark>(.*?)</mark>", first)[:2] == ["pumps", "valves"]
    assert re.search(r"<h2[^>]*>Pumps</h2>", first)
    assert re.search(r'<p id="status"[^>]*>bm25 · [\d.]+ ms</p>', shown)
    assert re.findall(r"<option>(.*?)</option>", shown) == ["lang", "source", "tags"]
    assert "Hefe" not in html.unescape(first)
