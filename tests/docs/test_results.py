"""Every result that a page cites is there, and every result that is there is cited."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks/results"
IN_HISTORY = r"`?\s+at\s+`[0-9a-f]{7}`"
"""What follows a path that is in the repository's history only."""


def test_results_and_citations_agree() -> None:
    cited: set[str] = set()
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(r"(?<!:)benchmarks/results/([\w./-]*\w)/?", text):
            if re.match(IN_HISTORY, text[found.end() :]):
                continue
            assert (RESULTS / found[1]).exists(), f"{page.name}: {found[0]}"
            cited.add(found[1].split("/")[0])
    assert cited == {path.name for path in RESULTS.iterdir()}
