"""The stage: backbone + passages + examples → `out/model`, a retriever folder."""

import shutil
from functools import partial
from pathlib import Path

from drama.compute import World, check_sharding, open_stage_together
from drama.errors import DramaError, FileError
from drama.records import WRITTEN, Example, read_examples
from drama.retriever import Retriever
from drama.retriever.backbone import parameters_without_embeddings
from drama.retriever.forward.positions import check_length
from drama.train.batches.batch import has_scores
from drama.train.batches.sampler import Sampler
from drama.train.hold_out import hold_out
from drama.train.leaks import without_leaks
from drama.train.loop import BEST, CHECKPOINTS, Loop, Phase
from drama.train.lora import merge_factors
from drama.train.losses.health import suspicions
from drama.train.settings import TrainSettings
from drama.train.texts import TeacherVectors, document_tokens, query_tokens
from drama.train.trainer import TrainData, Trainer
from drama.train.validation.validator import Validator
from drama.workspace import Manifest, read_events

TOKENS = "tokens"


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

    Started by torchrun, all processes work on one batch; the first one writes.

    Args:
        settings: the recipe's `train` section.
        backbone: folder of a causal LM (from `prune`, or any other), or of a retriever to go on from.
        passages: the documents, Parquet.
        examples: queries with positive and hard negative ids, Parquet; passages that an LLM wrote for them
            lie beside it, in `written.parquet`.
        out: `model/`, `checkpoints/`, `events.jsonl` and the manifest go here.
        seed: of batches and draws.
        teacher: folder with the labelling model's `queries/` and `documents/` vectors, for distillation.

    Raises:
        DramaError: no usable examples, a passage that is missing, a width above the model's, texts longer
            than the backbone has positions for, layers to be split over one process, distillation without
            vectors or scores, NaN loss.
    """
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
    world = World.join()
    check_sharding("train", settings.shard, world)
    if settings.needs_vectors and teacher is None:
        raise DramaError(
            "train.distill: there are no teacher vectors beside the examples",
            hint="label with exactly one embedding model and augment.label.keep_vectors: true, "
            "or leave train.distill out",
        )
    with open_stage_together(world, out, "train", settings, inputs, seed) as run:
        if run.done:
            world.leave()
            return run.manifest
        rows = []
        for example in read_examples(examples):
            usable = bool(example.positive_ids)
            run.count(f"examples: {example.kind}" if usable else "examples: no positive, left out")
            if usable:
                rows.append(example)
        if settings.leaks is not None:
            rows, leaks = without_leaks(rows, settings.leaks)
            out_or_in = "left out" if settings.leaks.action == "leave_out" else "trained on"
            run.count(f"examples: judged query, {out_or_in}", leaks)
        held: list[Example] = []
        if settings.validation is not None and settings.validation.share > 0:
            rows, held = hold_out(rows, settings.validation.share, seed)
            run.count("examples: held out", len(held))
        if len(rows) < 2:
            raise FileError(examples, f"{len(rows)} usable examples; at least 2 are needed")
        retriever = Retriever.from_llm(backbone, settings.retriever)
        check_length(retriever.backbone, "train.retriever.max_length", settings.retriever.max_length)
        places = [passages, written] if written.is_file() else [passages]
        with world.main_process_first():
            documents = document_tokens(
                retriever, places, [*rows, *held], settings.longest_document, out / TOKENS
            )
        queries = query_tokens(retriever, rows, settings.query_length)
        vectors = TeacherVectors(teacher, rows, documents) if teacher is not None else None
        data = TrainData(rows, queries, documents, vectors)
        validator = None
        if settings.validation is not None:
            asked = query_tokens(retriever, held, settings.query_length)
            validator = Validator(retriever, settings, seed, world, held, asked, documents)
        phases = _phases(retriever, data, settings, seed, world)
        loop = Loop(phases, world, settings, out, validator)
        ending = loop.run()
        world.leave()
        if world.rank > 0:
            return run.manifest
        plain = Retriever.from_llm(backbone, settings.retriever) if settings.shard else retriever
        retriever = loop.trainer.whole_model(plain, ending.weights)
        if settings.lora is not None:
            merge_factors(retriever.backbone)
        retriever.backbone.eval()
        retriever.save(out / "model")
        for folder in (CHECKPOINTS, BEST, TOKENS):
            shutil.rmtree(out / folder, ignore_errors=True)
        _figures(run.figures, out / "events.jsonl", retriever, settings)
        if settings.average > 1:
            run.figures["averaged"] = ending.averaged
        if ending.best is not None:
            run.figures["best_step"], best = ending.best
            run.figures["best_measure"] = abs(best)
        if ending.steps < settings.steps:
            run.figures["ended_early_after"] = ending.steps
    return run.manifest


def _phases(
    retriever: Retriever, data: TrainData, settings: TrainSettings, seed: int, world: World
) -> list[Phase]:
    """The run's parts; a trainer is made when its part begins, but a mistake shows before the first step."""
    found = []
    scored: list[bool] = []
    for first, end, phase in settings.phase_steps():
        rows = [r for r, e in enumerate(data.examples) if not phase.kinds or e.kind in phase.kinds]
        if len(rows) < 2:
            kinds = sorted({e.kind for e in data.examples})
            raise DramaError(
                f"train.phases: {len(rows)} usable examples of the kinds {phase.kinds}",
                hint=f"there are: {', '.join(kinds)}",
            )
        own = TrainData(
            [data.examples[r] for r in rows], [data.queries[r] for r in rows], data.documents, data.teacher
        )
        how = settings.of_phase(phase, end - first)
        Sampler(own.examples, data.documents, how, seed, world.size)
        if how.distill.scores_weight > 0:
            scored.append(any(has_scores(e, how.negatives, how.positives) for e in own.examples))
        found.append(Phase(first, partial(Trainer, retriever, own, how, seed, world, first)))
    if scored and not any(scored):
        raise DramaError(
            "train.distill.scores_weight: none of the examples has scores of the documents drawn for it",
            hint="label them with augment.label, or leave scores_weight out",
        )
    return found


def _figures(figures: dict[str, object], path: Path, retriever: Retriever, settings: TrainSettings) -> None:
    events = read_events(path)
    seconds = sum(e["seconds"] for e in events)
    tail = events[-max(1, len(events) // 10) :]
    figures["parameters"] = sum(p.numel() for p in retriever.backbone.parameters())
    figures["parameters_without_embeddings"] = parameters_without_embeddings(retriever.backbone)
    figures["loss_first"] = events[0]["loss"]
    figures["loss_last_tenth"] = round(sum(e["loss"] for e in tail) / len(tail), 4)
    figures["tokens"] = sum(e["tokens"] for e in events)
    figures["tokens_per_second"] = round(sum(e["tokens"] for e in events) / max(seconds, 1e-9), 1)
    figures["pairs_per_second"] = round(sum(e["queries"] for e in events) / max(seconds, 1e-9), 2)
    figures["padding"] = round(sum(e["padding"] for e in events) / len(events), 4)
    figures["masked_negatives"] = sum(e["masked"] for e in events)
    figures["masked_share"] = round(sum(e["masked_share"] for e in events) / len(events), 6)
    if settings.precision == "fp16":
        figures["steps_left_out"] = sum(e["left_out"] for e in events)
    figures["mean_cosine"] = events[-1]["mean_cosine"]
    warnings = suspicions(events, settings.steps)
    if warnings:
        figures["warnings"] = list(warnings.values())
