"""`drama index`: vectors become an index."""

from pathlib import Path
from typing import Annotated

import typer


def index(
    folder: Annotated[Path, typer.Argument(help="A folder that `drama encode` wrote.")],
    kind: Annotated[
        str, typer.Option(help="Kind of index, by default exact search; an unknown name lists all.")
    ] = "exact",
    words: Annotated[bool, typer.Option(help="Keep BM25 in the index, for hybrid search.")] = True,
) -> None:
    """Check an encoded folder and make it searchable."""
    from drama.search import build_index

    typer.echo(f"{folder}: {build_index(folder, kind, words)} documents")
