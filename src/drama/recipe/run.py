"""Running a recipe: the stages in order, each in its folder of the run, each skipped when unchanged."""

from pathlib import Path

from drama.augment import augment
from drama.console import note
from drama.corpus import build_corpus
from drama.errors import DramaError
from drama.evaluate import EvaluateSettings, evaluate
from drama.models import resolve
from drama.prune import prune
from drama.recipe.recipe import Recipe, load_recipe
from drama.recipe.searches import build_and_search
from drama.settings import write_yaml
from drama.train import train

KNOWN_ITEMS = "known-items"


def run_recipe(path: Path, overrides: list[str]) -> Path:
    """Run a recipe from its corpus to its index. Returns the run's folder.

    Run again after a kill, it goes on; run again unchanged, it does nothing.

    Raises:
        DramaError: any user's mistake; every section is checked before the first stage starts.
    """
    recipe = load_recipe(path, overrides)
    folder = Path(recipe.run)
    parent = resolve(recipe.prune.parent)
    _check(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    write_yaml(folder / "recipe.yaml", recipe.model_dump(mode="json"))
    store = folder / "embeddings"

    build_corpus(recipe.corpus, folder / "corpus", recipe.seed)
    passages = folder / "corpus" / "passages.parquet"
    prune(recipe.prune, passages, folder / "prune", recipe.seed)
    augment(recipe.augment, passages, folder / "augment", recipe.seed, store)
    teacher = folder / "augment" / "teacher"
    train(
        recipe.train,
        folder / "prune" / "model",
        passages,
        folder / "augment" / "examples.parquet",
        folder / "train",
        recipe.seed,
        teacher if recipe.augment.label.keep_vectors else None,
    )
    if recipe.evaluate.collections:
        places = {
            "student": folder / "train" / "model",
            "untrained": folder / "prune" / "model",
            "llm": parent,
        }
        chosen = _placed(recipe.evaluate, {k: str(v) for k, v in places.items()}, folder)
        labels = {str(place): name for name, place in places.items()}
        evaluate(chosen, folder / "evaluate", recipe.seed, store, labels)
    else:
        note("evaluate: no collections named, skipped")
    build_and_search(recipe.search, folder / "train" / "model", passages, folder)
    return folder


def _check(recipe: Recipe) -> None:
    """What sections can't see of each other.

    Raises:
        DramaError: a stage would miss what another does not leave.
    """
    distill = recipe.train.distill
    if (distill.kl_weight or distill.embedding_weight) and not recipe.augment.label.keep_vectors:
        raise DramaError(
            "train.distill needs the labelling model's vectors", hint="set augment.label.keep_vectors: true"
        )
    if KNOWN_ITEMS in recipe.evaluate.collections and "python-docs" not in recipe.corpus.inputs:
        raise DramaError("evaluate.collections: 'known-items' comes with the input 'python-docs' only")
    dim, dims = recipe.search.dim, recipe.train.retriever.dims
    if dim is not None and dim not in dims:
        raise DramaError(f"search.dim: {dim} is not among train.retriever.dims", hint=f"there: {list(dims)}")
    for place in recipe.evaluate.collections:
        if place != KNOWN_ITEMS and not Path(place).is_dir():
            raise DramaError(f"evaluate.collections: no such folder: {place}")


def _placed(settings: EvaluateSettings, places: dict[str, str], folder: Path) -> EvaluateSettings:
    """The section with `student`, `untrained`, `llm` and `known-items` put in place."""
    known = str(folder / "corpus" / "collection")
    return settings.model_copy(
        update={
            "models": [places.get(m, m) for m in settings.models],
            "collections": [known if c == KNOWN_ITEMS else c for c in settings.collections],
            "fusion": settings.fusion.model_copy(
                update={"models": [places.get(m, m) for m in settings.fusion.models]}
            ),
        }
    )
