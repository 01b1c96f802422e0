"""`drama version`."""

import typer


def version() -> None:
    """Print drama's version."""
    from drama import __version__

    typer.echo(__version__)
