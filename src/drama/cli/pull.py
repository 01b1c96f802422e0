"""`drama pull`: download a model by its short name."""

from typing import Annotated

import typer


def pull(
    name: Annotated[str | None, typer.Argument(help="Short name, GGUF file, folder or hub id.")] = None,
) -> None:
    """Download a model into the cache and print its folder; without a name, list the short names."""
    from drama.models import resolve
    from drama.models.catalog import CATALOG
    from drama.models.files import check_files

    if name is None:
        width = max(map(len, CATALOG))
        for short, entry in CATALOG.items():
            about = f"{short:{width}}  {entry.about}"
            typer.echo(f"{about}\n{'':{width}}  weights: {entry.weights}; from {entry.original}")
        return
    folder = resolve(name)
    check_files(folder)
    typer.echo(str(folder))
