"""`drama replay`: repeat a training run from its folder alone."""

from pathlib import Path
from typing import Annotated

import typer


def replay(
    folder: Annotated[Path, typer.Argument(help="The folder of a finished training.")],
    out: Annotated[Path, typer.Option(help="Folder for the repetition.")],
) -> None:
    """Repeat a finished training run and compare, bit for bit. Exit status 1 if they differ."""
    from drama.console import note
    from drama.train.replay import replay as run_again

    found = run_again(folder, out)
    if found is None:
        return
    for change in found.changed:
        note(f"  {change}")
    differs = found.first_difference
    curve = (
        f"all {found.steps} losses are the same"
        if differs is None
        else f"losses differ from step {differs} on"
    )
    typer.echo(f"{curve}; the weights {'are the same, bit for bit' if found.same_weights else 'differ'}")
    if differs is not None or not found.same_weights:
        raise typer.Exit(1)
