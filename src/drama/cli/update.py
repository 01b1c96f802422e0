"""`drama update`: a run's index follows its corpus."""

from pathlib import Path
from typing import Annotated

import typer


def update(
    run: Annotated[Path, typer.Argument(help="The folder of a finished run.")],
    inputs: Annotated[
        list[str] | None, typer.Argument(help="Where the documents are now; default: where they were.")
    ] = None,
) -> None:
    """Read a run's corpus again and bring its index up to it. Only what is new is encoded."""
    from drama.recipe.update import update_run

    update_run(run, inputs or [])
    typer.echo(str(run / "index"))
