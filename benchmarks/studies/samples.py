"""What `drama bench yields` left, as a page: shares of the outcomes, and the samples as they are.

python benchmarks/studies/samples.py RESULTS_FOLDER OUT.md
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

OUTCOMES = ("ok", "repaired", "wrong language", "copied", "malformed")
HEAD = """# What small LLMs write

`drama bench yields` ([augment](augment.md)) with its default sampling. `ok` means that an answer has the form
of a query in the document's language, not that it fits the document: read the samples, which are drawn by
seed and not edited. This page is written by `benchmarks/studies/samples.py` from `{folder}/`.
"""


def main() -> None:
    """Write the page."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    studies = [json.loads(path.read_text()) for path in sorted(folder.glob("yields-*.json"))]
    head = ("LLM", "language", "prompt", "documents", *OUTCOMES)
    lines = [HEAD.format(folder=folder), row_of(head), "|" + "---|" * len(head)]
    pages: list[str] = []
    for study in studies:
        llm = study["summary"]["llm"]
        for row in study["rounds"]:
            shares = [f"{row['shares'].get(outcome, 0):.2f}" for outcome in OUTCOMES]
            lines.append(row_of([llm, row["lang"], row["kind"], str(row["documents"]), *shares]))
            pages.append(samples(f"{llm}, {row['lang']}, {row['kind']}", row["samples"]))
    out.write_text("\n".join([*lines, "", *pages]))


def row_of(cells: Sequence[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |"


def samples(title: str, rows: list[dict[str, Any]]) -> str:
    """One drawer of answers."""
    shown = [f"- {row['outcome']}: `{' '.join(row['answer'].split()).replace('`', chr(39))}`" for row in rows]
    return "\n".join([f"<details><summary>{title}</summary>", "", *shown, "", "</details>", ""])


if __name__ == "__main__":
    main()
