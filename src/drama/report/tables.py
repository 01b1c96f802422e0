"""Tables for the terminal."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from drama.console import one_line
from drama.records.measures import MEASURES
from drama.report.read import read_run

_WIDTH = 140


def print_summary(folder: Path) -> None:
    """The summary of a run: results, seconds a stage, example searches."""
    run = read_run(folder)
    out = _console()
    if run.results:
        print_results(run.results)
    for example in run.examples:
        out.print(Text("\nsearch: ").append(one_line(example["query"]), style="bold"))
        for hit in example["hits"]:
            title = f"{hit['title']}: " if hit.get("title") else ""
            named = one_line(f"{hit['id']}: {title}{hit['text']}"[: len(hit["id"]) + 92])
            out.print(Text(f"  {hit['rank']}. {hit['score']:.3f}  {named}"))
    if run.quality:
        print_quality(run.quality)
    seconds = "   ".join(f"{name} {m.seconds:.0f} s" for name, m in run.manifests.items())
    out.print(f"\nstages: {seconds}")
    if run.warning:
        out.print(run.warning)
    for number, line in enumerate(run.quality.get("verdict", [])):
        out.print(Text(("\n" if number == 0 else "") + line, style="bold" if number == 0 else ""))


def print_quality(quality: Mapping[str, Any]) -> None:
    """Systems on pseudo-queries made from the corpus, best first."""
    out = _console()
    out.print("\nwithout judgments: nDCG@10 by pseudo-queries made from the corpus")
    table = Table(box=None, header_style="bold")
    for name in quality_columns(quality):
        table.add_column(name, justify="left" if name == "system" else "right")
    for cells in quality_cells(quality):
        table.add_row(*(Text(one_line(cell)) for cell in cells))
    out.print(table)


def quality_columns(quality: Mapping[str, Any]) -> list[str]:
    """The columns of the table of pseudo-queries: a kind each, and the mean where there are several."""
    kinds = list(quality["queries"])
    return ["system", *kinds, *(["mean"] if len(kinds) > 1 else []), "documents/s"]


def quality_cells(quality: Mapping[str, Any]) -> list[list[str]]:
    """Its rows, best first."""
    rows = sorted(quality["rows"], key=lambda row: -row["all"])
    return [
        [
            short_name(row["model"]),
            *(f"{row['by_kind'][kind]:.3f}" for kind in quality["queries"]),
            *([f"{row['all']:.3f}"] if len(quality["queries"]) > 1 else []),
            f"{row['documents_per_second']:.0f}",
        ]
        for row in rows
    ]


def print_results(results: Sequence[dict[str, Any]]) -> None:
    """One table of results; `p` is the paired randomisation test against BM25 on the main measure."""
    out = _console()
    table = Table(box=None, header_style="bold")
    for name in result_columns():
        table.add_column(name, justify="left" if name in ("collection", "model") else "right")
    for row in results:
        table.add_row(*(Text(one_line(cell)) for cell in result_cells(row)))
    out.print(table)


def _console() -> Console:
    """Standard output; in a pipe or a log wide enough for a row."""
    terminal = sys.stdout.isatty()
    return Console(highlight=False, width=None if terminal else _WIDTH)


def result_columns() -> list[str]:
    """The columns of the table of results, on the terminal and in the report."""
    return ["collection", "model", "dim", *MEASURES, "p vs bm25", "documents/s"]


def result_cells(row: dict[str, Any]) -> list[str]:
    """A row of results.json under `result_columns`; a measure that an older run lacks is empty."""
    return [
        row["collection"],
        short_name(row["model"]),
        str(row["dim"] or ""),
        *(f"{row['metrics'][m]:.3f}" if m in row["metrics"] else "" for m in MEASURES),
        p_text(row),
        f"{row['documents_per_second']:.0f}",
    ]


def p_text(row: dict[str, Any]) -> str:
    """The p-value of a row against BM25; never shown as 0, which sampling can't establish.

    >>> [p_text({"p_value_vs_bm25": p}) for p in (None, 0.0001, 0.583)]
    ['', '<0.001', '0.583']
    """
    p_value = row.get("p_value_vs_bm25")
    if p_value is None:
        return ""
    return "<0.001" if p_value < 0.001 else f"{p_value:.3f}"


def short_name(model: str) -> str:
    """A path's last two parts; other names as they are.

    >>> short_name("/long/way/train/model + bm25")
    'train/model + bm25'
    """
    return "/".join(model.split("/")[-2:]) if model.startswith(("/", ".")) else model
