"""`drama recipes`: the recipes in the package, and `drama run`'s way from a name to a file."""

from pathlib import Path
from typing import Annotated

import typer

from drama.recipe import RECIPES


def recipes(name: Annotated[str | None, typer.Argument(help="Print this recipe.")] = None) -> None:
    """List the recipes in the package, or print one: `drama recipes adapt > my.yaml`."""
    if name is not None:
        from drama.files.reading import read_text

        path = recipe_file(name)
        typer.echo(read_text(path / "recipe.yaml" if path.is_dir() else path), nl=False)
        return
    for path in sorted(RECIPES.glob("*.yaml")):
        first = path.read_text(encoding="utf-8").partition("\n")[0]
        typer.echo(f"{path.stem:12} {first.removeprefix('# ')}")


def recipe_file(name: str) -> Path:
    """The file of a recipe, given by its name in the package or by a path; or the folder of a run.

    >>> recipe_file("quickstart").name
    'quickstart.yaml'

    Raises:
        DramaError: no recipe of that name, and no such file.
    """
    from drama.errors import DramaError, FileError

    packaged = RECIPES / f"{name}.yaml"
    if Path(name).name == name and packaged.is_file():
        return packaged
    if Path(name).is_file() or (Path(name) / "recipe.yaml").is_file():
        return Path(name)
    names = ", ".join(path.stem for path in sorted(RECIPES.glob("*.yaml")))
    hint = f"recipes in the package: {names}; or give the path of a YAML file"
    if Path(name).suffix or Path(name).name != name:
        raise FileError(name, "no such file", hint=hint)
    raise DramaError(f"no recipe '{name}'", hint)
