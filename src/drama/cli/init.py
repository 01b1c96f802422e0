"""`drama init`: a look at a folder, and a recipe for it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from drama.corpus.readers.formats import KNOWN_INPUTS


def init(
    corpus: Annotated[
        str | None, typer.Argument(help=f"The corpus: {KNOWN_INPUTS}. Without it you are asked.")
    ] = None,
    out: Annotated[Path, typer.Option(help="The recipe.")] = Path("recipe.yaml"),
) -> None:
    """Look at a corpus (files, languages, duplicates, minutes of a run) and write a recipe with comments."""
    from drama.errors import DramaError, FileError

    if corpus is None:
        if not sys.stdin.isatty():
            raise DramaError("no corpus is named", hint="give a folder or a file: `drama init my-folder`")
        corpus = str(typer.prompt("Folder or file with your documents"))
    if out.exists():
        raise FileError(out, "is there already", hint="name another file with --out, or remove this one")

    from drama.recipe.init import in_words, write_recipe
    from drama.recipe.look import gigaflops_here, look_at, minutes_of

    look = look_at(corpus)
    for line in in_words(corpus, look, minutes_of(look, gigaflops_here())):
        typer.echo(line)
    write_recipe(corpus, look, out)
    typer.echo(f"written: {out}; next: drama run {out}")
