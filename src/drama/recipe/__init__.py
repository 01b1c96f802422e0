"""Recipes: the stages' sections in one file, presets as one dial, and the order in which stages run."""

from drama.recipe.recipe import Recipe, load_recipe
from drama.recipe.run import run_recipe

__all__ = ["Recipe", "load_recipe", "run_recipe"]
