"""docs/reliability.md from what `make faults` found: `python -m harness.table RESULTS DOCUMENT COMMIT`."""

import json
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from harness.trial import FAULTS, REFUSED, STAGES, SURVIVED, WRONG

BEGIN, END = "<!-- begin: make faults -->", "<!-- end: make faults -->"
HEADS = {
    "kill": "kill -9 at a file operation", "kill_at_a_time": "kill -9 at any moment", "term": "SIGTERM",
    "interrupt": "Ctrl-C", "full": "full disk", "read_only": "read-only folder",
    "torn": "kill and a torn file", "flipped": "kill and a flipped bit", "twice": "two at once",
    "server": "server trouble",
}  # fmt: skip


class Cell(NamedTuple):
    """The verdicts of a stage with a fault: seed → (verdict, why)."""

    stage: str
    fault: str
    verdicts: dict[str, tuple[str, str]]

    def text(self) -> str:
        """`97 · 3 · 0` is survived, refused clearly, wrong."""
        counts = Counter(kind for kind, _ in self.verdicts.values())
        numbers = " · ".join(str(counts[kind]) for kind in (SURVIVED, REFUSED, WRONG))
        return f"**{numbers}**" if counts[WRONG] else numbers


def table(cells: Iterable[Cell]) -> str:
    """The table in Markdown: a row for each stage, a column for each fault."""
    found = {(cell.stage, cell.fault): cell for cell in cells}
    stages = list(dict.fromkeys(stage for stage, _ in found))
    lines = [
        "| stage | " + " | ".join(f"{HEADS[fault]}: `{fault}`" for fault in FAULTS) + " |",
        "|---" * (len(FAULTS) + 1) + "|",
    ]
    for stage in stages:
        texts = [found[stage, fault].text() if (stage, fault) in found else "–" for fault in FAULTS]
        lines.append(f"| `{stage}` | " + " | ".join(texts) + " |")
    wrong = [
        f"- `make faults STAGE={cell.stage} FAULT={cell.fault} SEED={seed}`: {why}"
        for cell in found.values()
        for seed, (kind, why) in cell.verdicts.items()
        if kind == WRONG
    ]
    return "\n".join([*lines, "", *(["Wrong:", "", *wrong] if wrong else ["Nothing was wrong."])])


def read(folder: Path) -> list[Cell]:
    """The cells that were recorded, in the order of stages and faults."""
    cells = [Cell(**json.loads(file.read_text(encoding="utf-8"))) for file in folder.glob("*.json")]
    return sorted(cells, key=lambda cell: (STAGES.index(cell.stage), FAULTS.index(cell.fault)))


def write(folder: Path, document: Path, commit: str) -> None:
    """Put the table between the two marks of the document."""
    text = document.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    made = f"At commit `{commit}`:\n\n{table(read(folder))}"
    document.write_text(f"{before}{BEGIN}\n{made}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
