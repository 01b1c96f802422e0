"""The stage: parent + passages → `out/model`, a smaller causal LM, an encoder with fewer layers, or a table
of token vectors, which plain transformers loads."""

from pathlib import Path
from typing import Any

from drama.compute import World, check_sharding, open_stage_together
from drama.console import warn
from drama.models import resolve
from drama.models.files import weights_of
from drama.models.open import open_config
from drama.prune.encoder import cut_encoder, is_encoder
from drama.prune.figures import describe, stage_figures
from drama.prune.learn.domains import ParentLosses, mean_loss, reference_losses
from drama.prune.load import load_tokenizer
from drama.prune.methods import METHODS
from drama.prune.parts import EVENTS, Parts, scratch
from drama.prune.planning import planned_rounds, with_budget
from drama.prune.pruning_round import PruningRound, Setup
from drama.prune.settings import PruneSettings
from drama.prune.static import take_table
from drama.prune.text.corpus import Corpus, Domains
from drama.prune.vocabulary.cut import cut_parent
from drama.workspace import EventLog, Manifest, StageRun, read_events

REVISION = 1
"""Raised when the same inputs and settings give other weights."""


def prune(settings: PruneSettings, passages: Path, out: Path, seed: int = 0) -> Manifest:
    """Score, plan, slice and recover; an interrupted run resumes.

    Started by torchrun, all processes learn masks and recover together; the first one does the rest.

    Args:
        settings: the recipe's `prune` section.
        passages: texts for calibration, mask learning and recovery, Parquet.
        out: `model/`, `round-N/`, `events.jsonl` and the manifest go here.
        seed: of the choice and order of texts, and of masks.

    Raises:
        DramaError: a shape that can't be cut out of the parent, an architecture that can't be pruned, too
            little text, too few tokens, a loss that is not finite, or a full disk.
    """
    world = World.join()
    check_sharding("prune", settings.shard, world)
    parent = resolve(settings.parent)
    inputs = {"parent": parent, "passages": passages}
    rounds = len(settings.schedule) + 1
    opened = open_stage_together(
        world,
        out,
        "prune",
        settings,
        inputs,
        seed,
        revision=REVISION,
        scratch=scratch(rounds, settings),
        spare=["round-1/sliced"],
    )
    with opened as run:
        if not run.done and (settings.shape.layers == 0 or is_encoder(open_config(parent))):
            (shape,) = planned_rounds(settings)
            if world.is_main:
                run.figures |= weights_of({"parent": parent})
                made = take_table(parent, out / "model") if not shape.layers else None
                run.figures |= made or cut_encoder(parent, shape, out / "model")
        elif not run.done:
            shapes = planned_rounds(settings)
            parts = Parts(out, settings, run.manifest.inputs, seed, REVISION, world.is_main)
            corpus = Corpus(passages, settings.domains, seed)
            if world.is_main:
                run.figures |= weights_of({"parent": parent})
            run.figures |= describe("parent", parent)
            if settings.vocabulary is not None:
                with world.main_process_first():
                    parts.vocabulary()
                    run.figures |= cut_parent(parent, settings.vocabulary, corpus, out / "parent")
                parent = out / "parent"
            run.figures |= describe("pruned", parent, shapes[-1])
            tokenizer = load_tokenizer(parent)
            with world.main_process_first():
                parts.rows()
                domains = _pack(corpus, tokenizer, settings.recovery.max_length, run)
            with world.main_process_first():
                parts.losses()
                losses = ParentLosses.measured(parent, domains.measured, settings.domains, out)
            run.figures["held_out_loss_parent"] = round(mean_loss(losses.held_out, domains.read), 4)
            settings = _with_steps(settings, len(shapes), corpus, tokenizer, run)
            wanted = reference_losses(losses.probes, domains.read, settings.domains)
            setup = Setup(settings, out, parts, parent, tokenizer, corpus, domains, wanted, seed, world)
            for number, shape in enumerate(shapes, 1):
                parent = PruningRound(number, shape, parent, setup).run(last=number == len(shapes))
            if world.is_main:
                run.figures |= stage_figures(settings, shapes, losses.held_out, out)
                run.count("texts", sum(domain.texts for domain in domains.measured))
                _finish_events(out / EVENTS, len(shapes), settings, run)
    world.leave()
    return run.manifest


def _pack(corpus: Corpus, tokenizer: Any, length: int, run: StageRun) -> Domains:
    """The corpus as rows; domains with too little text are counted."""
    domains, too_small = corpus.pack(tokenizer, length, run.folder / "rows")
    for name, count in too_small.items():
        run.count(f"texts: {name} has too little for two rows, left out", count)
    if too_small:
        names = ", ".join(f"{name} ({count} texts)" for name, count in too_small.items())
        wrong = ", or name the corpus's languages (corpus.languages) if these are wrong guesses"
        warn(
            f"prune: too little text for two rows of {length} tokens, left out: {names}. "
            f"Add text{wrong if corpus.settings.by == 'lang' else ''}"
        )
    return domains


def _with_steps(
    settings: PruneSettings, rounds: int, corpus: Corpus, tokenizer: Any, run: StageRun
) -> PruneSettings:
    """The section with the steps that its `tokens` pay for, after what scoring reads."""
    calibration = 0
    if settings.tokens is not None and METHODS[settings.method].reads_calibration:
        batches = corpus.calibration(tokenizer, settings.calibration)
        calibration = sum(int(mask_BL.sum()) for _, mask_BL in batches)
        run.figures["calibration_tokens"] = rounds * calibration
    return with_budget(settings, rounds, calibration)


def _finish_events(events: Path, rounds: int, settings: PruneSettings, run: StageRun) -> None:
    """Drop events of a longer run whose masks were taken over, and count the updates that were left out."""
    if not events.is_file():
        return
    steps = settings.recovery.steps + (settings.shearing.steps if METHODS[settings.method].learns else 0)
    EventLog(events, after=rounds * steps).close()
    if skipped := sum(event.get("skipped", 0) for event in read_events(events)):
        run.count("updates skipped: the gradient was not finite", skipped)
