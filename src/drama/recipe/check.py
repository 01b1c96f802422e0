"""What a run needs, checked before its first stage: an hour of training must not end in a misspelt name."""

import difflib
from importlib.util import find_spec
from pathlib import Path

from drama.augment import supervised_files
from drama.console import warn
from drama.corpus.readers.hub_dataset import SCHEME
from drama.corpus.readers.inputs import input_name
from drama.errors import DramaError, MissingExtraError
from drama.evaluate import EvaluateSettings, check_evaluation
from drama.models import resolve
from drama.prune import planned_shape
from drama.recipe.recipe import KNOWN_ITEMS, OWN_MODELS, Recipe
from drama.records import Collection
from drama.retriever import load_encoder
from drama.search import BM25_NAME, FITTED, LSA_DIMENSIONS, LSA_NAME
from drama.train import TrainSettings
from drama.train.examples import judged_texts


def check(recipe: Recipe) -> None:
    """Check what sections can't see of each other, and what they name on disk.

    Models that are named are fetched here, if they are not in the cache yet.

    Raises:
        DramaError: a model that can't be had, a shape that can't be cut, a width above the student's, a
            broken collection, or a stage that would miss what another does not leave.
    """
    _check_extras(recipe)
    if recipe.train.needs_vectors and not recipe.augment.label.keep_vectors:
        raise DramaError(
            "train.loss.distill needs the labelling model's vectors",
            hint="set augment.label.keep_vectors: true",
        )
    for model in recipe.augment.models():
        resolve(model)
    _check_sources(recipe)
    _check_widths(recipe)
    if recipe.evaluate.collections:
        _check_evaluation(recipe)
    _check_training(recipe.train, recipe.evaluate)


def _check_extras(recipe: Recipe) -> None:
    """Optional libraries that a section needs."""
    for wanted, library, extra in (
        (recipe.train.lora is not None, "peft", "lora"),
        (recipe.train.tensorboard, "tensorboardX", "tensorboard"),
        (recipe.augment.ray is not None, "ray", "ray"),
        (any(name.startswith(SCHEME) for name in recipe.corpus.inputs), "datasets", "datasets"),
    ):
        if wanted and find_spec(library) is None:
            raise MissingExtraError(library, extra)


def _check_sources(recipe: Recipe) -> None:
    """Supervised sets and the mixture's sources are inputs of the corpus."""
    names = [input_name(name) for name in recipe.corpus.inputs]
    supervised_files(recipe.augment.supervised)
    asked = {"supervised.collections": [Path(place).name for place in recipe.augment.supervised.collections]}
    asked["mixture.sources"] = list(recipe.augment.mixture.sources)
    written = ["written"] if recipe.augment.triplets.count else []
    for setting, sources in asked.items():
        for source in sources:
            if source not in [*names, *written]:
                raise DramaError(
                    f"augment.{setting}: '{source}' is not among corpus.inputs",
                    hint=f"these are there: {', '.join(names)}",
                )


def _check_widths(recipe: Recipe) -> None:
    width = _student_width(recipe)
    dims = recipe.train.retriever.dims
    if dims and max(dims) > width:
        raise DramaError(f"train.retriever.dims: {max(dims)} is above the student's width {width}")
    dim = recipe.index.dim
    if dim is not None and dim not in (*dims, width):
        raise DramaError(
            f"index.dim: the student is not trained at {dim} dimensions",
            hint=f"it is trained at train.retriever.dims and its width: {sorted({*dims, width})}",
        )


def _student_width(recipe: Recipe) -> int:
    """The pruned hidden size; in the teacher's space at most the width of the teachers together."""
    hidden = planned_shape(recipe.prune).hidden
    if recipe.train.loss.distill.space == "own":
        return hidden
    dense = [name for name in recipe.augment.label.retrievers if name != BM25_NAME]
    return min(hidden, sum(LSA_DIMENSIONS if n == LSA_NAME else load_encoder(n).dim for n in dense))


def _check_evaluation(recipe: Recipe) -> None:
    check_evaluation(recipe.evaluate)
    for model in recipe.evaluate.models:
        if model in OWN_MODELS or model in FITTED:
            continue
        near = difflib.get_close_matches(model, OWN_MODELS, n=1)
        if near and not Path(model).exists():
            raise DramaError(f"evaluate.models: no model '{model}'", hint=f"did you mean '{near[0]}'?")
        resolve(model)
    for place in recipe.evaluate.collections:
        if place != KNOWN_ITEMS:
            Collection.read(Path(place), recipe.evaluate.split)
        elif "python-docs" not in recipe.corpus.inputs:
            raise DramaError("evaluate.collections: 'known-items' comes with the input 'python-docs' only")


def _check_training(train: TrainSettings, evaluate: EvaluateSettings) -> None:
    if train.leaks is not None:
        judged_texts(train.leaks.collections, train.leaks.split)
    chosen = train.validation
    if chosen is None or chosen.collection is None:
        return
    Collection.read(Path(chosen.collection), chosen.split)
    tested = {Path(place).resolve() for place in evaluate.collections if place != KNOWN_ITEMS}
    if chosen.split == evaluate.split and Path(chosen.collection).resolve() in tested:
        warn("train.validation measures on a collection and split that evaluate.collections tests on")
