"""The page in a browser: nothing sticks out, on a phone and on a desk. Needs Chromium."""

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from drama.files import write_json, write_text
from drama.report import write_report
from drama.settings import Section
from drama.workspace import open_stage

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), "")
QUIET = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
--disable-component-update --disable-sync --dump-dom --virtual-time-budget=2000""".split()  # noqa: SIM905


class Demo(Section):
    pass


def quality() -> dict[str, Any]:
    names = ["student, smoothed + bm25", "bm25", "a-stock-model-with-quite-a-long-name-v2 + bm25"]
    rows = [
        {"model": name, "all": 0.5, "by_kind": {"title": 0.5, "sentence": 0.51}, "documents_per_second": 99.0}
        for name in names
    ]
    search = {
        "query": "how does a wing produce lift", "document": "a/" + "very-long-name-" * 8 + ".md",
        "text": "The wing of the aircraft produces lift. " * 5, "ranks": {names[0]: 1, "bm25": None},
        "first": {"document": "b.md", "text": "Bees dance."},
    }  # fmt: skip
    cost = {"model MB": 62.0, "index MB": 54.1, "passages": 10741, "documents/s": 99.0, "ms a search": 54.2}
    verdict = ["Use hybrid search, the default of `drama search`: nDCG@10 0.743, +0.040 over BM25."]
    return {
        "verdict": verdict, "rows": rows, "queries": {"title": 100, "sentence": 150}, "differences": [],
        "searches": {"good": [search] * 3, "bad": [search] * 3}, "cost": cost,
    }  # fmt: skip


@pytest.fixture
def page(tmp_path: Path) -> Path:
    run = tmp_path / "a run"
    with open_stage(run / "corpus", "corpus", Demo(), {}) as stage:
        stage.count("longer than a passage, cut into several", 700)
        stage.figures["languages"] = {"en": 6169, "uk": 1088}
    with open_stage(run / "train", "train", Demo(), {}) as stage:
        events = [{"step": s, "loss": 3.0 / s, "learning_rate": 0.1, "padding": 0.2} for s in range(1, 40)]
        write_text(stage.folder / "events.jsonl", "".join(json.dumps(e) + "\n" for e in events))
    with open_stage(run / "evaluate", "evaluate", Demo(), {}) as stage:
        metrics = {"nDCG@10": 0.5, "R@100": 0.9, "RR@10": 0.4}
        row = {"collection": "known-items", "dim": 256, "documents_per_second": 99.0, "metrics": metrics}
        rows = [{**row, "model": m, "p_value_vs_bm25": 0.01} for m in ("bm25", "student + bm25")]
        write_json(stage.folder / "results.json", {"results": rows})
    with open_stage(run / "index", "index", Demo(), {}):
        pass
    with open_stage(run / "quality", "quality", Demo(), {}) as stage:
        write_json(stage.folder / "quality.json", quality())
    with open_stage(run / "search", "search", Demo(), {}) as stage:
        hit = {"rank": 1, "id": "d1", "score": 0.7, "title": "", "text": "the wing lifts", "marks": [[4, 8]]}
        write_json(stage.folder / "examples.json", [{"query": "wing", "hits": [hit]}])
    return write_report(run)


def test_it_begins_with_the_verdict_and_folds_the_rest(page: Path) -> None:
    text = page.read_text()
    order = [
        "Use hybrid search", "by pseudo-queries made", "Results", "Answered well", "Answered badly",
        ">Searches<", "Size and speed", "Use it", "How it was made", "Curves",
    ]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    folded = text[text.index("How it was made") :]
    assert all(
        f"<summary>{name}" in folded for name in ("Curves", "Stages", "Figures", "Recipe", "Made with")
    )
    assert "<mark>wing</mark>" in text
    assert "the default of <code>drama search</code>" in text
    assert "en 6169, uk 1088" in text  # words, no dict
    assert 'title="normalised discounted cumulative gain' in text
    assert f"drama search &#x27;{page.parent}&#x27;/index" in text
    assert "bm25: not among the first 100" in text
    assert "54 ms" in text


@pytest.mark.skipif(not CHROMIUM, reason="chromium is not installed")
@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_sticks_out(page: Path, width: int, tmp_path: Path) -> None:
    text = page.read_text().replace("<details>", "<details open>")
    frame = f'<iframe id=f width={width} height=900 srcdoc="{html.escape(text)}"></iframe>'
    script = """<script>onload = () => {
      const root = document.getElementById("f").contentDocument;
      const wide = [...root.querySelectorAll("p, h1, h2, td, table, figure, svg, details")]
        .filter(e => e.getBoundingClientRect().right > root.documentElement.clientWidth + 1)
        .map(e => e.tagName + ":" + e.textContent.slice(0, 40));
      document.title = root.documentElement.scrollWidth + "|" + root.documentElement.clientWidth + "|" + wide;
    }</script>"""
    (tmp_path / "frame.html").write_text(f"<!doctype html><title>none</title>{frame}{script}")
    profile = f"--user-data-dir={tmp_path / 'profile'}"
    done = subprocess.run(
        [CHROMIUM, *QUIET, profile, "--window-size=1400,1000", f"file://{tmp_path / 'frame.html'}"],
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found = re.search(r"<title>(\d+)\|(\d+)\|(.*?)</title>", done.stdout, re.DOTALL)
    assert found, done.stdout[:500]
    assert int(found[1]) <= int(found[2]), found[3]
    assert not found[3]
