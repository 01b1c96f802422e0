"""Recipes: the stages' sections in one file, presets as one dial, and the order in which stages run."""

from pathlib import Path
from typing import TYPE_CHECKING

from drama.lazy import lazy_names

if TYPE_CHECKING:
    from drama.recipe.recipe import Recipe, load_recipe
    from drama.recipe.run import run_recipe

RECIPES = Path(__file__).parents[1] / "recipes"
"""The recipes that come with the package."""

__all__ = ["RECIPES", "Recipe", "load_recipe", "run_recipe"]

__getattr__ = lazy_names(__name__)
