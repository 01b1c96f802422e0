"""The bench: baselines of each corpus, students of each arm and seed, one raw file for each, and the summary.

A stopped bench goes on: finished raw files are kept, and a recipe's run resumes by itself.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from drama.cli.recipes import recipe_file
from drama.console import note
from drama.errors import DramaError
from drama.recipe import load_recipe, run_recipe
from drama.retriever import EmbeddingStore
from drama.workspace import read_manifest
from drama_bench.result import write_result
from drama_bench.student.rows import Baselines, Student, measured
from drama_bench.student.summary import summarise
from drama_bench.student.worlds import World, worlds
from drama_bench.study import is_done

_STAGES = ("corpus", "prune", "augment", "train", "index")


class Arm(NamedTuple):
    """A way to make a student."""

    name: str
    recipe: str
    overrides: tuple[str, ...] = ()


def arm_of(text: str) -> Arm:
    """An arm as it is written on the command line.

    >>> arm_of("light=adapt,train.steps=100")
    Arm(name='light', recipe='adapt', overrides=('train.steps=100',))

    Raises:
        DramaError: not NAME=RECIPE.
    """
    name, is_there, rest = text.partition("=")
    recipe, *overrides = rest.split(",")
    if not (name and is_there and recipe):
        raise DramaError(f"--arm {text}: not NAME=RECIPE", hint="such as --arm adapt=adapt,train.steps=100")
    return Arm(name, recipe, tuple(overrides))


def bench_student(
    data: Path,
    work: Path,
    out: Path,
    arms: Sequence[Arm],
    names: Sequence[str],
    size: str = "mixed",
    seeds: Sequence[int] = (1,),
    teachers: Sequence[str] = ("all-minilm-l6-v2",),
    documents: int = 20_000,
    max_length: int = 256,
) -> Path:
    """Run what is missing, and write `student-SIZE.json`, and `student.json` for the mixed corpus.

    Args:
        data: a folder with `collections/` and `corpora/`.
        work: corpora, runs and vectors; may be large.
        out: raw results and summary.
        arms: the students; none: baselines only.
        names: of the collections.
        size: `alone` or `mixed`.
        seeds: of each arm.
        teachers: the models of the baselines.
        documents: of the mixed corpus.
        max_length: of the teachers' texts, in tokens; a student's is its recipe's.

    Raises:
        DramaError: no such size, collection or model, a mistake in a recipe, or a raw file by other settings.
    """
    for world in worlds(data, names, size, documents):
        _run_world(world, work / size, out / "student" / size, arms, seeds, teachers, max_length)
    return summarise(out, size, names)


def _run_world(
    world: World,
    work: Path,
    out: Path,
    arms: Sequence[Arm],
    seeds: Sequence[int],
    teachers: Sequence[str],
    max_length: int,
) -> None:
    settings: dict[str, Any] = {
        "documents": len(world.documents),
        "collections": {c.name: c.hashes for c in world.collections},
        "teachers": list(teachers),
        "max_length": max_length,
    }
    wanted = {f"{arm.name}-{seed}": (arm, seed) for arm in arms for seed in seeds}
    paths = {name: out / f"{world.name}-{name}.json" for name in ("baselines", *wanted)}
    own = {name: settings | _of_arm(arm, seed) for name, (arm, seed) in wanted.items()} | {
        "baselines": settings
    }
    missing = [name for name, path in paths.items() if not is_done(path, own[name])]
    if not missing:
        return
    note(f"bench student: {world.name}: {len(world.documents)} documents")
    file = world.write(work / "corpora")
    store = work / "embeddings"
    free = Baselines(world.documents, teachers, max_length, EmbeddingStore(store))
    hits = {c.name: free.hits(c) for c in world.collections}
    if "baselines" in missing:
        rounds = [_round(c.name, measured(hits[c.name], c)) for c in world.collections]
        write_result(paths["baselines"], rounds, {}, (), own["baselines"])
    for name in missing:
        if name == "baselines":
            continue
        arm, seed = wanted[name]
        run, load = work / "runs" / f"{world.name}-{name}", os.getloadavg()
        given = [f"run={run}", f"seed={seed}", f"corpus.inputs=[{file}]", "evaluate.collections=[]"]
        path, overrides = recipe_file(arm.recipe), [*arm.overrides, *given]
        recipe = load_recipe(path, overrides)
        run_recipe(path, overrides)
        student = Student(run / "train" / "model", world.documents, recipe.evaluate, run / "embeddings")
        rounds = []
        for c in world.collections:
            found = student.hits(c, free.bm25, hits[c.name], teachers)
            rounds.append(_round(c.name, measured(found, c)))
        about = {"minutes": _minutes(run), "load_before": load, "load_after": os.getloadavg()}
        write_result(paths[name], rounds, about, (), own[name])


def _of_arm(arm: Arm, seed: int) -> dict[str, Any]:
    text = recipe_file(arm.recipe).read_text(encoding="utf-8")
    return {"arm": arm.name, "recipe": text, "overrides": list(arm.overrides), "seed": seed}


def _round(name: str, rows: dict[str, dict[str, float]]) -> dict[str, Any]:
    return {"collection": name, "by_query": rows}


def _minutes(run: Path) -> dict[str, float]:
    """Stage → minutes that it took."""
    found = {name: read_manifest(run / name) for name in _STAGES}
    return {name: round(m.seconds / 60, 2) for name, m in found.items() if m is not None}
