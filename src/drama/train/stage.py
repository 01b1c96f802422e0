"""The stage: backbone + passages + examples → `out/model`, a retriever folder."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import torch

from drama.compute import World, check_finite, check_sharding, open_stage_together
from drama.console import track
from drama.errors import DramaError, FileError
from drama.models.files import weights_of
from drama.models.static import is_static, static_model
from drama.records import WRITTEN, Example, Passages, Texts, corpus_language
from drama.retriever import Retriever
from drama.retriever.forward.positions import check_length
from drama.retriever.lexical import LexicalBranch
from drama.retriever.lexical_settings import LexicalSettings
from drama.train.examples import training_examples
from drama.train.log import EVENTS, figures, show_finished
from drama.train.loop import BEST, CHECKPOINTS, Loop
from drama.train.lora import merge_factors
from drama.train.losses.teacher import TeacherVectors
from drama.train.phases import TrainData, plan_phases
from drama.train.settings import TrainSettings
from drama.train.static import table_of_teacher
from drama.train.static_settings import StaticSettings
from drama.train.tokens import document_tokens
from drama.train.validation.validator import Validator
from drama.workspace import Manifest, StageRun, read_events

REVISION = 1
"""Raised when the same inputs and settings give other weights."""
TOKENS = "tokens.arrow"
_BLOCK = 4096


def train(
    settings: TrainSettings,
    backbone: Path,
    passages: Path,
    examples: Path | None,
    out: Path,
    seed: int = 0,
    teacher: Path | None = None,
    held_out: Path | None = None,
) -> Manifest:
    """Train a retriever; resumes from its last checkpoint to the same weights as an uninterrupted run. With
    `steps: 0` the start becomes a retriever as it is.

    Started by torchrun, all processes work on one batch; the main one writes.

    Args:
        settings: the recipe's `train` section.
        backbone: folder of a causal LM (from `prune`, or any other), or of a retriever to train further.
        passages: the documents, Parquet.
        examples: queries with positive and hard negative ids, Parquet; passages that an LLM wrote for them
            are next to it, in `written.parquet`. None with `steps: 0`.
        out: `model/`, `checkpoints/`, `events.jsonl` and the manifest go here.
        seed: for batches and draws.
        teacher: folder with the labelling model's `queries/` and `documents/` vectors, for distillation and
            `static`.
        held_out: queries that are asked later, and passages whose examples are left out (JSON).

    Raises:
        DramaError: settings, inputs or processes that do not fit each other, or a loss that is not finite.
    """
    world = World.join()
    check_sharding("train.compute", settings.compute.shard, world)
    if settings.steps == 0 and examples is not None:
        raise DramaError(
            "train.steps: 0 trains nothing, and there are examples",
            hint="raise train.steps, or leave the examples out (in a recipe, nothing is augmented then)",
        )
    if settings.steps == 0:
        inputs = {"backbone": backbone, "passages": passages}
        if settings.static is not None:
            inputs["teacher"] = _needed(teacher)
    else:
        inputs = _inputs(settings, backbone, passages, _required(examples), teacher, held_out)
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
        if world.is_main:
            run.figures |= weights_of({"backbone": backbone})
        if settings.steps == 0:
            if world.is_main:
                retriever = Retriever.from_llm(backbone, settings.retriever)
                if settings.static is not None:
                    run.figures |= _make_static(retriever, settings.static, passages, inputs["teacher"])
                _save(retriever, out, passages, seed)
            world.leave()
        else:
            _learn(settings, backbone, inputs, run, seed, world)
    return run.manifest


def _learn(
    settings: TrainSettings,
    backbone: Path,
    inputs: Mapping[str, Path],
    run: StageRun,
    seed: int,
    world: World,
) -> None:
    """Take all steps and save the model."""
    share = settings.validation.share if settings.validation is not None else 0.0
    rows, held = training_examples(
        inputs["examples"], settings.leaks, share, seed, run, inputs.get("held_out")
    )
    retriever = Retriever.from_llm(backbone, settings.retriever)
    check_length(retriever.backbone, "train.retriever.max_length", settings.retriever.max_length)
    data, held_data = _tokenised(retriever, rows, held, inputs, settings, world, run)
    validator = _validator(retriever, settings, held_data, seed, world)
    phases = plan_phases(settings.run_phases, settings.steps, data, seed, world.size)
    loop = Loop(retriever, phases, settings, seed, world, run.folder, validator)
    weights, ending = loop.run()
    world.leave()
    if world.is_main:
        finished = _finished(loop, weights, backbone)
        _save(finished, run.folder, inputs["passages"], seed)
        run.figures |= figures(read_events(run.folder / EVENTS), finished, settings.steps) | ending


def _inputs(
    settings: TrainSettings,
    backbone: Path,
    passages: Path,
    examples: Path,
    teacher: Path | None,
    held_out: Path | None,
) -> dict[str, Path]:
    """Name → file or folder that the stage reads."""
    if settings.needs_vectors:
        _needed(teacher)
    inputs = {"backbone": backbone, "passages": passages, "examples": examples}
    written = examples.with_name(WRITTEN)
    if written.is_file():
        inputs["written"] = written
    if teacher is not None:
        inputs["teacher"] = teacher
    if held_out is not None:
        inputs["held_out"] = held_out
    if settings.validation is not None and settings.validation.collection is not None:
        inputs["validation"] = Path(settings.validation.collection)
    if settings.leaks is not None:
        for place in settings.leaks.collections:
            inputs[f"queries of {place}"] = Path(place) / "queries.jsonl"
            inputs[f"judgments of {place}"] = Path(place) / "qrels" / f"{settings.leaks.split}.tsv"
    return inputs


def _needed(teacher: Path | None) -> Path:
    if teacher is None:
        raise DramaError(
            "train: there are no teacher vectors with the examples",
            hint="set augment.label.keep_vectors: true, or leave train.loss.distill and train.static out",
        )
    return teacher


def _make_static(
    retriever: Retriever, settings: StaticSettings, passages: Path, teacher: Path
) -> dict[str, float]:
    """Give a retriever without layers its fitted table, which has the teacher's width. Returns figures.

    Raises:
        DramaError: the backbone has layers, or the teacher's vectors are of other passages.
    """
    config = retriever.backbone.config
    if not is_static(config):
        raise DramaError(
            f"train.static: the backbone has {config.num_hidden_layers} layers, and a static student none",
            hint="set prune.shape.layers: 0, or leave train.static out",
        )
    fitted = table_of_teacher(retriever, passages, teacher, settings)
    table_VE = torch.from_numpy(fitted.table_VE)
    retriever.backbone = static_model(table_VE, config.max_position_embeddings).to(retriever.backbone.device)
    retriever.check_trainable_dims()
    return {"static_documents": fitted.documents, "static_cosine": round(fitted.cosine, 4)}


def _tokenised(
    retriever: Retriever,
    rows: list[Example],
    held: list[Example],
    inputs: Mapping[str, Path],
    settings: TrainSettings,
    world: World,
    run: StageRun,
) -> tuple[TrainData, TrainData]:
    """The examples to train on and those held out, with their token ids and the teacher's vectors.

    The main process tokenises the documents into the stage's folder; the others read them there. Examples
    that the teacher knows nothing about are left out and counted.

    Raises:
        FileError: fewer than 2 examples are left.
    """
    places = [inputs[name] for name in ("passages", "written") if name in inputs]
    with world.main_process_first():
        documents = document_tokens(
            retriever, places, [*rows, *held], settings.longest_document, run.folder / TOKENS
        )
    vectors = TeacherVectors(inputs["teacher"], rows, documents) if "teacher" in inputs else None
    if vectors is not None:
        known = vectors.known(rows)
        if len(known) < len(rows):
            run.count("examples: unknown to the teacher, left out", len(rows) - len(known))
        rows = known
        if len(rows) < 2:
            raise FileError(inputs["teacher"], f"knows {len(rows)} of the examples; at least 2 are needed")
    queries = retriever.tokens([e.query for e in rows], "query", settings.longest_query)
    held_queries = retriever.tokens([e.query for e in held], "query", settings.batch.query_length)
    return TrainData(rows, queries, documents, vectors), TrainData(held, held_queries, documents)


def _validator(
    retriever: Retriever, s: TrainSettings, held: TrainData, seed: int, world: World
) -> Validator | None:
    if s.validation is None:
        return None
    return Validator(retriever, s.validation, s.batch, s.loss, s.compute, held, seed, world)


def _required(examples: Path | None) -> Path:
    if examples is None:
        raise DramaError("train: there are no examples", hint="make them with `drama augment`")
    return examples


def _finished(loop: Loop, weights: dict[str, torch.Tensor], backbone: Path) -> Retriever:
    """The trained model, whole and checked."""
    settings, retriever = loop.settings, loop.retriever
    target = Retriever.from_llm(backbone, settings.retriever) if settings.compute.shard else retriever
    finished = loop.trainer.unsharded_model(target, weights)
    if settings.lora is not None:
        merge_factors(finished.backbone)
    finished.backbone.eval()
    check_finite(finished.backbone.state_dict(), "train: the trained model")
    return finished


def _save(retriever: Retriever, out: Path, passages: Path, seed: int) -> None:
    """Write `model/`, with a lexical branch if the settings want one."""
    lexical = retriever.settings.lexical
    if lexical is not None:
        retriever.lexical = _lexical(retriever, lexical, Passages(passages), seed)
    retriever.save(out / "model")


def _lexical(retriever: Retriever, settings: LexicalSettings, passages: Passages, seed: int) -> LexicalBranch:
    """The lexical branch, fitted to the passages, which are streamed."""
    texts = iter(track(Texts(passages), "lexical: passages"))
    blocks = iter(lambda: list(islice(texts, _BLOCK)), [])
    tokens = (ids for block in blocks for ids in retriever.tokens(block, "document"))
    how = retriever.settings
    prefixes = [prefix for prefix in (how.query_prefix, how.document_prefix) if prefix]
    lang = corpus_language(passages)
    return LexicalBranch.fit(retriever.tokenizer, tokens, lang, settings, seed, prefixes)
