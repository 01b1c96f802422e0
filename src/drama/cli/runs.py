"""`drama runs`: the runs in a folder."""

from pathlib import Path
from typing import Annotated

import typer


def runs(
    folder: Annotated[Path, typer.Argument(help="A folder with runs in it.")] = Path("runs"),
) -> None:
    """List runs: how far each is, passages, model, size, and what `drama clean` would free."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from drama.errors import FileError
    from drama.workspace.runs import list_runs

    if not folder.is_dir():
        raise FileError(folder, "no such folder", hint="name a folder that holds the folders of runs")
    found = list_runs(folder)
    if not found:
        raise FileError(folder, "holds no runs", hint="`drama run RECIPE` makes one")
    table = Table(box=None, header_style="bold")
    for name in ("run", "finished", "state", "passages", "model", "MB", "to clean, MB"):
        table.add_column(name, justify="right" if name in ("passages", "MB", "to clean, MB") else "left")
    for run in found:
        sizes = (f"{run.mb:.0f}", f"{run.cleanable:.0f}")
        table.add_row(*map(Text, (run.name, run.when, run.state, run.passages, run.model, *sizes)))
    Console(highlight=False, width=140).print(table)
