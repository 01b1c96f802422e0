"""Running a recipe: the stages in order, each in its folder of the run, skipped if unchanged."""

from pathlib import Path
from typing import Any, TypeVar

from drama import augment, corpus, evaluate, prune, train
from drama.console import note, warn
from drama.corpus.passages.chunks import room_in
from drama.corpus.passages.settings import ChunkSettings, tokenizer_in
from drama.errors import DramaError, FileError
from drama.evaluate import EvaluateSettings
from drama.evaluate.pseudo import make_collection, measure_quality
from drama.evaluate.pseudo.collection import HELD_OUT
from drama.files import LOCK, PARTIAL, writing
from drama.models import resolve
from drama.recipe.changes import say_what_changes
from drama.recipe.check import check
from drama.recipe.languages import warn_of_languages
from drama.recipe.recipe import KNOWN_ITEMS, OWN_MODELS, Recipe, load_recipe
from drama.records import read_examples
from drama.search import BM25_NAME, FITTED, LSA_NAME
from drama.search.stage import index_corpus, search_examples
from drama.settings import write_yaml
from drama.train.examples import describe_leaks, judged_texts, leaked
from drama.workspace import read_manifest
from drama.workspace.runs import RECIPE

Chunk = TypeVar("Chunk", bound=ChunkSettings)
_MARK = "The recipe as `drama run` read it; it marks the folder of a run."


def run_recipe(path: Path, overrides: list[str]) -> Path:
    """Run a recipe from its corpus to its index. Returns the run's folder.

    The folder of a run is its recipe too: the run goes on where it is now, whatever it was called before.
    After a kill the same call resumes; if nothing has changed, it does nothing.

    Raises:
        DramaError: any mistake in the recipe; every section is checked before the first stage starts. The
            run's folder holds other files, or another run is writing to it.
    """
    recipe = _own_recipe(path, overrides) if path.is_dir() else load_recipe(path, overrides)
    folder = Path(recipe.run)
    _refuse_foreign(folder)
    check(recipe)
    say_what_changes(recipe, folder, folder / RECIPE)
    with writing(folder):
        write_yaml(folder / RECIPE, recipe.model_dump(mode="json"), _MARK)
        _run_stages(recipe, folder)
    return folder


def _own_recipe(run: Path, overrides: list[str]) -> Recipe:
    """The recipe of a run that was begun, for this folder."""
    if not (run / RECIPE).is_file():
        raise FileError(run, f"holds no {RECIPE}", hint="give a recipe, or the folder of a run")
    if any(override.partition("=")[0].strip() == "run" for override in overrides):
        raise DramaError(
            "--set run: the run is the folder that was named", hint=f"give {run / RECIPE} instead"
        )
    recipe = load_recipe(run / RECIPE, overrides)
    return recipe.model_copy(update={"run": str(run)})


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder with files that no run of ours made: its recipe.yaml would be overwritten."""
    if not folder.is_dir():
        return
    own = folder / RECIPE
    begun = own.is_file() and own.read_bytes().startswith(f"# {_MARK}\n".encode())
    unfinished = (f"{RECIPE}.", PARTIAL)  # of a run that was killed as it began
    names = [path.name for path in folder.iterdir() if path.name != LOCK]
    if not begun and not all(
        name.startswith(unfinished[0]) and name.endswith(unfinished[1]) for name in names
    ):
        raise FileError(
            folder,
            f"the folder of this run is not empty and holds no {RECIPE} of an earlier run",
            hint="let run name a folder of its own, or empty this one",
        )


def _run_stages(recipe: Recipe, folder: Path) -> None:
    store = folder / "embeddings"

    recipe = with_lengths(recipe)
    made = corpus.build_corpus(recipe.corpus, folder / "corpus", recipe.seed)
    passages = folder / "corpus" / "passages.parquet"
    if read_manifest(folder / "prune") is None:
        warn_of_languages(recipe, passages, made.figures["languages"])
    prune.prune(recipe.prune, passages, folder / "prune", recipe.seed)
    examples, teacher = _augmented(recipe, passages, folder / "augment", store)
    judged = _judged(recipe, folder)
    _warn_of_leaks(recipe, judged, examples)
    pseudo = _pseudo_queries(recipe, passages, examples, folder / "pseudo")
    held_out = pseudo / HELD_OUT if pseudo is not None and examples is not None else None
    start = folder / "prune" / "model"
    train.train(recipe.train, start, passages, examples, folder / "train", recipe.seed, teacher, held_out)
    if judged:
        own = (folder / "train" / "model", folder / "prune" / "model", resolve(recipe.prune.parent))
        places = dict(zip(OWN_MODELS, map(str, own), strict=True))
        labels = {place: name for name, place in places.items()}
        settings = _placed(recipe.evaluate, places, judged)
        evaluate.evaluate(settings, folder / "evaluate", recipe.seed, store, labels)
    else:
        note("evaluate: no collections named, skipped")
    index_corpus(recipe.index, folder / "train" / "model", passages, folder / "index", store)
    if pseudo is not None:
        _measure_quality(recipe, pseudo, folder, store)
    search_examples(recipe.search, folder / "index", folder / "search")


def with_lengths(recipe: Recipe) -> Recipe:
    """The recipe with the lengths of passages that are to be found (`auto`), and whose tokens they are."""
    chunk = _counted(recipe.corpus.chunk, recipe)
    judged = recipe.evaluate.chunk
    if judged.tokens == "auto":
        fields = {name: getattr(chunk, name) for name in ("tokens", "overlap", "tokenizer")}
        judged = judged.model_copy(update=fields)
    corpus = recipe.corpus.model_copy(update={"chunk": chunk})
    evaluate = recipe.evaluate.model_copy(update={"chunk": _counted(judged, recipe)})
    return recipe.model_copy(update={"corpus": corpus, "evaluate": evaluate})


def _counted(chunk: Chunk, recipe: Recipe) -> Chunk:
    """With tokens of the LLM, unless another tokenizer is named, and at most as many as the student reads."""
    tokens, tokenizer = chunk.tokens, chunk.tokenizer or recipe.prune.parent
    if tokens == "auto":
        retriever = recipe.train.retriever
        whole = bool(recipe.augment.supervised.collections) and recipe.train.reads_labels
        file = tokenizer_in(resolve(tokenizer))
        tokens = None if whole else room_in(retriever.max_length, retriever.document_prefix, file)
    if tokens is None:
        return chunk.model_copy(update={"tokens": None, "tokenizer": None, "overlap": 0})
    counted = {**chunk.model_dump(), "tokens": tokens, "tokenizer": tokenizer}
    return type(chunk).parse(counted, where="chunk")


def _judged(recipe: Recipe, folder: Path) -> list[str]:
    """The collections of `evaluate`, with the path of `known-items`."""
    known = str(folder / "corpus" / "known-items")
    return [known if place == KNOWN_ITEMS else place for place in recipe.evaluate.collections]


def _augmented(recipe: Recipe, passages: Path, out: Path, store: Path) -> tuple[Path | None, Path | None]:
    """The examples, where any are trained on, and the folder of the teacher's vectors where they are kept."""
    if not recipe.train.reads_labels:
        note("augment: train.steps is 0, skipped")
        return None, None
    augment.augment(recipe.augment, passages, out, recipe.seed, store)
    examples = out / "examples.parquet" if recipe.train.steps > 0 else None
    return examples, out / "teacher" if recipe.augment.label.keep_vectors else None


def _pseudo_queries(recipe: Recipe, passages: Path, examples: Path | None, out: Path) -> Path | None:
    """The collection of pseudo-queries; None where none are asked for, or the corpus gives none."""
    if not recipe.quality.queries:
        return None
    made = make_collection(recipe.quality, passages, out, recipe.seed, examples)
    return out if made.figures["queries"] else None


def _measure_quality(recipe: Recipe, pseudo: Path, folder: Path, store: Path) -> None:
    """Figures without judgments: the student as the index has it, against what needs no training."""
    student = folder / "train" / "model"
    teachers = recipe.augment.label.retrievers if recipe.train.reads_labels else []
    others = [m for m in recipe.evaluate.models if m not in OWN_MODELS]
    models = [*dict.fromkeys([BM25_NAME, LSA_NAME, *teachers, *others]), str(student)]
    dense = [model for model in models if model not in FITTED]
    section: dict[str, Any] = {
        "models": models,
        "collections": [str(pseudo)],
        "max_length": recipe.evaluate.max_length,
        "precision": recipe.evaluate.precision,
        "chunk": {"tokens": None},
    }
    if recipe.index.words:
        section["fusion"] = {"models": dense, "weight": recipe.index.dense_share}
    if recipe.index.smoothing is not None:
        section["smoothing"] = {**recipe.index.smoothing.model_dump(), "models": [str(student)]}
    measure_quality(
        recipe.quality,
        EvaluateSettings.parse(section, "quality"),
        pseudo,
        folder / "index",
        folder / "quality",
        student,
        recipe.seed,
        store,
        {str(student): "student"},
        recipe.train.steps > 0,
    )


def _warn_of_leaks(recipe: Recipe, collections: list[str], examples: Path | None) -> None:
    """Warn of training queries that evaluation asks too; `train.leaks` can leave them out."""
    if recipe.train.leaks is not None or not collections or examples is None:
        return
    queries = judged_texts(collections, recipe.evaluate.split)
    found = leaked(read_examples(examples), queries)
    if found:
        warn(f"{describe_leaks(found)}; train.leaks can leave them out")


def _placed(settings: EvaluateSettings, places: dict[str, str], collections: list[str]) -> EvaluateSettings:
    """The section with the paths of `student`, `untrained` and `llm`, and of the collections."""

    def placed(models: list[str]) -> dict[str, list[str]]:
        return {"models": [places.get(model, model) for model in models]}

    sections = {name: getattr(settings, name) for name in ("fusion", "smoothing")}
    moved = {name: section.model_copy(update=placed(section.models)) for name, section in sections.items()}
    return settings.model_copy(
        update={**placed(settings.models), "collections": collections, **moved},
    )
