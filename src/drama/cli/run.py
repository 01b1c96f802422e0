"""`drama run`: a recipe from end to end."""

from typing import Annotated

import typer


def run(
    recipe: Annotated[
        str,
        typer.Argument(
            help="Name of a recipe (`drama recipes` lists them), a YAML file, or the folder of a run."
        ),
    ],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Change a key: --set train.steps=50. Repeatable.")
    ] = None,
) -> None:
    """Run a recipe: corpus, prune, augment, train, evaluate, index, search. Unchanged stages are skipped."""
    import time

    from drama.cli.recipes import recipe_file

    path = recipe_file(recipe)

    from drama.recipe.recipe import load_recipe

    # A mistake in the recipe is said before torch is imported, which takes seconds.
    load_recipe(path / "recipe.yaml" if path.is_dir() else path, set_ or [])

    from drama.console import note
    from drama.recipe import run_recipe
    from drama.report import print_summary, write_report

    begin = time.monotonic()
    folder = run_recipe(path, set_ or [])
    page = write_report(folder)
    print_summary(folder)
    note(f"done in {(time.monotonic() - begin) / 60:.1f} minutes; report: {page}")
