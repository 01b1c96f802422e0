"""`drama report`: the HTML report of a run."""

from pathlib import Path
from typing import Annotated

import typer


def report(folder: Annotated[Path, typer.Argument(help="The folder of a run.")]) -> None:
    """Write report.html from the results of the stages, and print the summary."""
    from drama.report import print_summary, write_report

    page = write_report(folder)
    print_summary(folder)
    typer.echo(str(page))
