"""`drama clean`: frees what a run no longer needs."""

from pathlib import Path
from typing import Annotated

import typer


def clean(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs.")],
    embeddings: Annotated[
        bool,
        typer.Option(
            "--embeddings", help="Also vectors and answers that are kept for later runs: they cost time."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove earlier results (`.previous/`) of a run's stages. The model and the index stay."""
    from drama.console import note
    from drama.workspace.runs import clean_run

    for run in runs:
        freed = clean_run(run, embeddings, dry_run)
        for place, mb in freed.items():
            note(f"{run}: {place}: {mb:.1f} MB{' would go' if dry_run else ' removed'}")
        typer.echo(f"{run}: {sum(freed.values()):.1f} MB {'would be freed' if dry_run else 'freed'}")
