"""Recipe: the settings of a run, a section for each stage; an absent section has its defaults."""

from pathlib import Path

from pydantic import Field

from drama.augment import AugmentSettings
from drama.corpus import CorpusSettings
from drama.errors import Problems
from drama.evaluate import EvaluateSettings
from drama.evaluate.pseudo import QualitySettings
from drama.prune import PruneSettings
from drama.recipe.presets import with_preset
from drama.search.settings import IndexSettings, SearchSettings
from drama.settings import Section, apply_overrides, read_yaml
from drama.train import TrainSettings

KNOWN_ITEMS = "known-items"
"""The name in recipes of the judged collection that comes with the Python documentation."""

OWN_MODELS = ("student", "untrained", "llm")
"""The names in recipes of the run's own models."""


class Recipe(Section):
    """A run from its LLM and corpus to a searchable index. Paths are relative to the current folder."""

    run: str = Field(min_length=1)
    """Folder of the run; stages write to its subfolders."""
    seed: int = Field(default=13, ge=0, lt=2**63)
    preset: str | None = None
    corpus: CorpusSettings = CorpusSettings()
    prune: PruneSettings = PruneSettings()
    augment: AugmentSettings = AugmentSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    """`models` may name `student`, `untrained` (the pruned LLM) and `llm` (its parent); `collections` may
    name `known-items`. Without collections nothing is evaluated."""
    index: IndexSettings = IndexSettings()
    quality: QualitySettings = QualitySettings()
    search: SearchSettings = SearchSettings()


def load_recipe(path: Path, overrides: list[str]) -> Recipe:
    """Read a recipe: YAML over its preset, `--set` over both.

    Raises:
        DramaError: broken YAML; or all problems at once: unknown keys (each with the nearest valid one),
            values of the wrong type.
    """
    values = apply_overrides(read_yaml(path), overrides)
    problems = Problems()
    with problems.collect():
        values = with_preset(values)
    with problems.collect():
        recipe = Recipe.parse(values, where="")
    problems.raise_any()
    return recipe
