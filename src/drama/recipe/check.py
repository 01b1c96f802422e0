"""All that a run needs, checked before its first stage: a misspelt name must not end an hour of training."""

import difflib
from collections.abc import Iterable
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TypeVar

from drama import prune
from drama.console import warn
from drama.corpus.readers.inputs import check_inputs, input_name, names_sources
from drama.errors import DramaError, MissingExtraError, Problems
from drama.models import resolve_local
from drama.recipe.recipe import KNOWN_ITEMS, OWN_MODELS, Recipe
from drama.records import Collection, read_judged
from drama.retriever import load_encoder
from drama.search import BM25_NAME, LSA_DIMENSIONS, LSA_NAME
from drama.workspace import Needs

T = TypeVar("T")


def check(recipe: Recipe) -> None:
    """Check what each stage needs, and the rules between sections; the cheapest checks come first.

    All mistakes of a kind are reported at once: first those of the recipe itself, of files and libraries, and
    of judged collections; then those of models, which are downloaded here if they are not in the cache yet;
    then those that need the parent's shape.

    Raises:
        DramaError: a model that is not available, a shape that can't be cut, a width above the student's, a
            broken collection, or a stage that needs what an earlier one does not make.
    """
    problems = Problems()
    needs = _needs(recipe, problems)
    with problems.collect():
        check_inputs(recipe.corpus.inputs, Path(recipe.run))
    for rule in (_check_distillation, _check_static, _check_sources, _check_known_items):
        with problems.collect():
            rule(recipe)
    _check_libraries(needs, problems)
    _check_collections(needs, problems)
    problems.raise_any()
    for model in _once(needed.models for needed in needs):
        with problems.collect():
            resolve_local([model])
    problems.raise_any()
    _check_widths(recipe)
    _warn_of_validation(recipe)


def _needs(recipe: Recipe, problems: Problems) -> list[Needs]:
    """The needs of each stage, less what the run makes itself."""
    found = [s.needs() for s in (recipe.corpus, recipe.prune, recipe.train)]
    if recipe.train.reads_labels:
        found.append(recipe.augment.needs())
    if recipe.evaluate.collections:
        with problems.collect():
            found.append(_needs_of_evaluation(recipe))
    return found


def _needs_of_evaluation(recipe: Recipe) -> Needs:
    needed = recipe.evaluate.needs()
    models = [model for model in needed.models if model not in OWN_MODELS]
    for model in models:
        near = difflib.get_close_matches(model, OWN_MODELS, n=1)
        if near and not Path(model).exists():
            raise DramaError(f"evaluate.models: no model '{model}'", hint=f"did you mean '{near[0]}'?")
    return Needs(models=models, collections=[c for c in needed.collections if c[0] != KNOWN_ITEMS])


def _check_libraries(needs: list[Needs], problems: Problems) -> None:
    for library, extra in _once(needed.extras for needed in needs):
        with problems.collect():
            if find_spec(library) is None:
                raise MissingExtraError(library, extra)


def _check_collections(needs: list[Needs], problems: Problems) -> None:
    for place, split in _once(needed.collections for needed in needs):
        with problems.collect():
            Collection.read(Path(place), split)
    for place, split in _once(needed.judgments for needed in needs):
        with problems.collect():
            read_judged(Path(place), split)


def _once(lists: Iterable[Iterable[T]]) -> Iterable[T]:
    """What several stages need is checked once."""
    return dict.fromkeys(chain.from_iterable(lists))


def _check_distillation(recipe: Recipe) -> None:
    if recipe.train.needs_vectors and not recipe.augment.label.keep_vectors:
        key = "static" if recipe.train.static else "loss.distill"
        raise DramaError(
            f"train.{key} needs the labelling model's vectors",
            hint="set augment.label.keep_vectors: true",
        )


def _check_static(recipe: Recipe) -> None:
    if recipe.train.static is not None and recipe.prune.shape.layers != 0:
        raise DramaError(
            "train.static: the student has layers, and a static one has none",
            hint="set prune.shape.layers: 0, or leave train.static out",
        )


def _check_known_items(recipe: Recipe) -> None:
    if KNOWN_ITEMS in recipe.evaluate.collections and "python-docs" not in recipe.corpus.inputs:
        raise DramaError("evaluate.collections: 'known-items' comes with the input 'python-docs' only")


def _check_sources(recipe: Recipe) -> None:
    """Supervised sets and the mixture's sources are inputs of the corpus."""
    names = [input_name(name) for name in recipe.corpus.inputs]
    known = [*names, "written"] if recipe.augment.triplets.count else names
    supervised = [("supervised.collections", Path(p).name) for p in recipe.augment.supervised.collections]
    for setting, source in [*supervised, *(("mixture.sources", s) for s in recipe.augment.mixture.sources)]:
        # Documents may name sources of their own; the mixture itself refuses one that none of them names.
        own = setting == "mixture.sources" and any(map(names_sources, recipe.corpus.inputs))
        if source not in known and not own:
            raise DramaError(
                f"augment.{setting}: '{source}' is not among corpus.inputs", f"inputs: {', '.join(names)}"
            )


def _check_widths(recipe: Recipe) -> None:
    hidden = prune.planned_rounds(recipe.prune)[-1].hidden
    dims, dim = recipe.train.retriever.dims, recipe.index.dim
    if not dims and dim is None:
        return
    width = _student_width(recipe, hidden)
    if dims and max(dims) > width:
        raise DramaError(
            f"train.retriever.dims: {max(dims)} is above the student's width {width}",
            hint=f"name widths of at most {width}, or an empty list: --set train.retriever.dims=[]",
        )
    lexical = recipe.train.retriever.lexical
    widths = {*dims, width} | ({width + lexical.dims} if lexical is not None else set())
    if dim is not None and dim not in widths:
        raise DramaError(
            f"index.dim: the student is not trained at {dim} dimensions",
            hint=f"it is trained at train.retriever.dims and its width: {sorted(widths)}",
        )


def _student_width(recipe: Recipe, hidden: int) -> int:
    """The pruned hidden size; in the teacher's space at most the sum of the teachers' widths, which are
    loaded for it; of a static student, this sum."""
    static = recipe.train.static is not None
    if recipe.train.loss.distill.space == "own" and not static:
        return hidden
    dense = [name for name in recipe.augment.label.retrievers if name != BM25_NAME]
    of_teachers = sum(LSA_DIMENSIONS if n == LSA_NAME else load_encoder(n).dim for n in dense)
    return of_teachers if static else min(hidden, of_teachers)


def _warn_of_validation(recipe: Recipe) -> None:
    """Say that validation measures on what evaluation tests on."""
    tested = {(Path(place).resolve(), recipe.evaluate.split) for place in recipe.evaluate.collections}
    validated = {(Path(place).resolve(), split) for place, split in recipe.train.needs().collections}
    if tested & validated:
        warn("train.validation measures on a collection and split that evaluate.collections tests on")
