"""The stage: backbone + passages + examples → `out/model`, a retriever folder."""

from collections.abc import Mapping
from pathlib import Path

import torch

from drama.compute import World, check_finite, check_sharding, open_stage_together
from drama.errors import DramaError
from drama.records import WRITTEN, Example
from drama.retriever import Retriever
from drama.retriever.forward.positions import check_length
from drama.train.examples import training_examples
from drama.train.log import EVENTS, figures, show_finished
from drama.train.loop import BEST, CHECKPOINTS, Loop
from drama.train.lora import merge_factors
from drama.train.losses.teacher import TeacherVectors
from drama.train.phases import TrainData, plan_phases
from drama.train.settings import TrainSettings
from drama.train.tokens import document_tokens
from drama.train.validation.validator import Validator
from drama.workspace import Manifest, read_events

REVISION = 1
"""Raised when the same inputs and settings give other weights."""
TOKENS = "tokens.arrow"


def train(
    settings: TrainSettings,
    backbone: Path,
    passages: Path,
    examples: Path,
    out: Path,
    seed: int = 0,
    teacher: Path | None = None,
) -> Manifest:
    """Train a retriever; resumes from its last checkpoint to the same weights as an uninterrupted run.

    Started by torchrun, all processes work on one batch; the main one writes.

    Args:
        settings: the recipe's `train` section.
        backbone: folder of a causal LM (from `prune`, or any other), or of a retriever to train further.
        passages: the documents, Parquet.
        examples: queries with positive and hard negative ids, Parquet; passages that an LLM wrote for them
            are next to it, in `written.parquet`.
        out: `model/`, `checkpoints/`, `events.jsonl` and the manifest go here.
        seed: for batches and draws.
        teacher: folder with the labelling model's `queries/` and `documents/` vectors, for distillation.

    Raises:
        DramaError: settings, inputs or processes that do not fit each other, or a loss that is not finite.
    """
    world = World.join()
    check_sharding("train.compute", settings.compute.shard, world)
    inputs = _inputs(settings, backbone, passages, examples, teacher)
    scratch = (CHECKPOINTS, BEST, TOKENS)
    opened = open_stage_together(
        world, out, "train", settings, inputs, seed, revision=REVISION, scratch=scratch
    )
    with opened as run:
        if run.done:
            if settings.tensorboard and world.is_main:
                show_finished(out)
            world.leave()
            return run.manifest
        share = settings.validation.share if settings.validation is not None else 0.0
        rows, held = training_examples(examples, settings.leaks, share, seed, run)
        retriever = Retriever.from_llm(backbone, settings.retriever)
        check_length(retriever.backbone, "train.retriever.max_length", settings.retriever.max_length)
        data, held_data = _tokenised(retriever, rows, held, inputs, settings, world, out)
        validator = _validator(retriever, settings, held_data, seed, world)
        phases = plan_phases(settings.run_phases, settings.steps, data, seed, world.size)
        loop = Loop(retriever, phases, settings, seed, world, out, validator)
        weights, ending = loop.run()
        world.leave()
        if world.is_main:
            finished = _save(loop, weights, backbone)
            run.figures |= figures(read_events(out / EVENTS), finished, settings.steps) | ending
    return run.manifest


def _inputs(
    settings: TrainSettings, backbone: Path, passages: Path, examples: Path, teacher: Path | None
) -> dict[str, Path]:
    """Name → file or folder that the stage reads."""
    if settings.needs_vectors and teacher is None:
        raise DramaError(
            "train.loss.distill: there are no teacher vectors with the examples",
            hint="label with exactly one embedding model and augment.label.keep_vectors: true, "
            "or leave train.loss.distill out",
        )
    inputs = {"backbone": backbone, "passages": passages, "examples": examples}
    written = examples.with_name(WRITTEN)
    if written.is_file():
        inputs["written"] = written
    if teacher is not None:
        inputs["teacher"] = teacher
    if settings.validation is not None and settings.validation.collection is not None:
        inputs["validation"] = Path(settings.validation.collection)
    if settings.leaks is not None:
        for place in settings.leaks.collections:
            inputs[f"queries of {place}"] = Path(place) / "queries.jsonl"
            inputs[f"judgments of {place}"] = Path(place) / "qrels" / f"{settings.leaks.split}.tsv"
    return inputs


def _tokenised(
    retriever: Retriever,
    rows: list[Example],
    held: list[Example],
    inputs: Mapping[str, Path],
    settings: TrainSettings,
    world: World,
    out: Path,
) -> tuple[TrainData, TrainData]:
    """The examples to train on and those held out, with their token ids and the teacher's vectors.

    The main process tokenises the documents into the stage's folder; the others read them there.
    """
    places = [inputs[name] for name in ("passages", "written") if name in inputs]
    with world.main_process_first():
        documents = document_tokens(
            retriever, places, [*rows, *held], settings.longest_document, out / TOKENS
        )
    queries = retriever.tokens([e.query for e in rows], "query", settings.longest_query)
    held_queries = retriever.tokens([e.query for e in held], "query", settings.batch.query_length)
    vectors = TeacherVectors(inputs["teacher"], rows, documents) if "teacher" in inputs else None
    return TrainData(rows, queries, documents, vectors), TrainData(held, held_queries, documents)


def _validator(
    retriever: Retriever, s: TrainSettings, held: TrainData, seed: int, world: World
) -> Validator | None:
    if s.validation is None:
        return None
    return Validator(retriever, s.validation, s.batch, s.loss, s.compute, held, seed, world)


def _save(loop: Loop, weights: dict[str, torch.Tensor], backbone: Path) -> Retriever:
    """Write `model/`."""
    settings, retriever, out = loop.settings, loop.retriever, loop.out
    target = Retriever.from_llm(backbone, settings.retriever) if settings.compute.shard else retriever
    finished = loop.trainer.unsharded_model(target, weights)
    if settings.lora is not None:
        merge_factors(finished.backbone)
    finished.backbone.eval()
    check_finite(finished.backbone.state_dict(), "train: the trained model")
    finished.save(out / "model")
    return finished
