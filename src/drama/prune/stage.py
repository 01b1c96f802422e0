"""The stage: parent + passages → `out/model`, a smaller causal LM that plain transformers loads."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from drama.compute import World, check_sharding, default_device, open_stage_together
from drama.console import note, warn
from drama.errors import DramaError
from drama.files import write_json
from drama.models import resolve
from drama.prune.learn.domains import Domain, held_out_losses, mean_loss, perplexities
from drama.prune.load import load_causal_lm, load_tokenizer, save_causal_lm
from drama.prune.round import Round, Texts, run_round
from drama.prune.settings import DomainSettings, PruneSettings
from drama.prune.shape.budget import with_budget
from drama.prune.shape.shape import Shape, child_config, parameters, parent_shape
from drama.prune.shape.target import planned_rounds
from drama.prune.text.languages import compared, in_words
from drama.prune.text.texts import calibration_batches, domain_of, domain_rows
from drama.prune.vocabulary import cut_vocabulary
from drama.records import read_passages
from drama.workspace import Manifest, StageRun


def prune(settings: PruneSettings, passages: Path, out: Path, seed: int = 0) -> Manifest:
    """Score, plan, slice and recover; goes on where it was cut off.

    Started by torchrun, all processes learn masks and recover together; the first one does the rest.

    Args:
        settings: the recipe's `prune` section.
        passages: texts for calibration, mask learning and recovery, Parquet.
        out: `model/`, `round-N/`, `events.jsonl` and the manifest go here.
        seed: of the choice and order of texts, and of masks.

    Raises:
        DramaError: a shape that can't be cut out of the parent, an unknown family, too little text, too few
            tokens, NaN loss, or a full disk.
    """
    folder = resolve(settings.parent)
    world = World.join()
    check_sharding("prune", settings.shard, world)
    inputs = {"parent": folder, "passages": passages}
    with open_stage_together(world, out, "prune", settings, inputs, seed) as run:
        if run.done:
            world.leave()
            return run.manifest
        shapes = planned_rounds(settings)
        by = settings.domains.by

        def named_texts() -> Iterator[tuple[str, str]]:
            return ((domain_of(d, by), d.full_text) for d in read_passages(passages))

        def texts_to_read() -> Iterator[str]:
            return (text for name, text in named_texts() if name not in settings.domains.leave_out)

        config = AutoConfig.from_pretrained(folder)
        _describe("parent", config, parent_shape(config), run.figures)
        parent = folder
        if settings.vocabulary is not None:
            parent = out / "parent"
            with world.main_process_first():
                _cut_vocabulary(folder, named_texts, settings, parent, run)
        tokenizer = load_tokenizer(parent)
        config = AutoConfig.from_pretrained(parent)
        _describe("pruned", config, shapes[-1], run.figures)
        length = settings.recovery.max_length
        with world.main_process_first():
            measured, left_out = domain_rows(
                read_passages(passages), tokenizer, by, length, seed, out / "rows"
            )
        for name, count in left_out.items():
            warn(f"prune: {by} '{name}' has too little text for two rows: left out")
            run.count(f"texts: {name} has too little for two rows, left out", count)
        domains = _read_domains(measured, settings.domains)
        with world.main_process_first():
            references = _measured_parent(out / "references.json", parent, measured, settings.domains)
        run.figures["held_out_loss_parent"] = round(mean_loss(references["all"], domains), 4)
        texts = Texts(
            domains,
            measured,
            references["probes"],
            lambda: calibration_batches(texts_to_read(), tokenizer, settings.calibration, seed),
        )
        settings = _with_steps(settings, len(shapes), texts, run.figures)
        source = parent
        for number, shape in enumerate(shapes, 1):
            folder = out / f"round-{number}"
            if world.is_main:
                folder.mkdir(exist_ok=True)
            result = out / "model" if number == len(shapes) else folder / "model"
            this = Round(number, shape, folder, result)
            run_round(this, source, parent, tokenizer, texts, settings, seed, world)
            source = result
        world.leave()
        if not world.is_main:
            return run.manifest
        run.figures.update(_figures(out, shapes))
        _compare_languages(run.figures, perplexities(references["all"]), settings.domains)
        tokens = len(shapes) * settings.recovery.max_length
        if settings.method == "shearing":
            learning = settings.shearing
            run.figures["learning_tokens"] = learning.steps * learning.batch_size * tokens
        if settings.recovery.steps:
            run.figures["recovery_tokens"] = settings.recovery.steps * settings.recovery.batch_size * tokens
        for scratch in (
            out / "parent",
            out / "rows",
            *out.glob("round-*/sliced"),
            *out.glob("round-*/recovery"),
        ):
            shutil.rmtree(scratch, ignore_errors=True)
        for between in out.glob("round-*/model"):
            shutil.rmtree(between)
        run.count("texts", sum(domain.texts for domain in measured))
    return run.manifest


def _read_domains(measured: list[Domain], settings: DomainSettings) -> list[Domain]:
    """Those that are not left out."""
    names = [domain.name for domain in measured]
    for name in settings.leave_out:
        if name not in names:
            raise DramaError(
                f"prune.domains.leave_out: the texts have no {settings.by} '{name}', or too little of it",
                hint=f"there are: {', '.join(names)}",
            )
    read = [domain for domain in measured if domain.name not in settings.leave_out]
    if not read:
        raise DramaError("prune.domains.leave_out: nothing is left to prune on", hint="leave out fewer")
    return read


def _with_steps(settings: PruneSettings, rounds: int, texts: Texts, figures: dict[str, Any]) -> PruneSettings:
    """The section with the steps that its `tokens` pay for, once scoring is paid."""
    if settings.tokens is None:
        return settings
    calibration = 0
    if settings.method in ("importance", "depth"):
        calibration = sum(int(mask_BL.sum()) for _, mask_BL in texts.calibration())
        figures["calibration_tokens"] = rounds * calibration
    return with_budget(settings, rounds, calibration)


def _compare_languages(figures: dict[str, Any], parent: dict[str, float], settings: DomainSettings) -> None:
    """What each language lost; said too, where there are several."""
    sliced = figures.pop("perplexity_sliced")
    pruned = figures.pop("perplexity_recovered", sliced)
    languages = compared(parent, sliced, pruned, settings.leave_out, settings.lost_above)
    figures["perplexity_by_language"] = [language._asdict() for language in languages]
    if len(languages) > 1:
        figures["languages_lost"] = in_words(languages, settings.lost_above)
        note(f"prune: {figures['languages_lost']}")


def _measured_parent(
    path: Path, parent: Path, domains: list[Domain], settings: DomainSettings
) -> dict[str, dict[str, float]]:
    """The parent's losses on the rows by which shares change (`probes`), and on `all` held-out rows."""
    if not path.is_file():
        model = load_causal_lm(parent).to(default_device())
        probes = [d._replace(held_out_RL=d.held_out_RL[: settings.held_out_rows]) for d in domains]
        found = {"all": held_out_losses(model, domains), "probes": held_out_losses(model, probes)}
        write_json(path, found)
    losses: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    return losses


def _figures(out: Path, shapes: list[Shape]) -> dict[str, Any]:
    """Those of the last round, with the layers by their numbers in the parent; and all rounds, of several."""
    rounds: list[dict[str, Any]] = []
    for number, shape in enumerate(shapes, 1):
        own = json.loads((out / f"round-{number}/figures.json").read_text(encoding="utf-8"))
        if rounds:
            own["layers_kept"] = [rounds[-1]["layers_kept"][layer] for layer in own["layers_kept"]]
        rounds.append({**shape._asdict(), **own})
    last = {k: v for k, v in rounds[-1].items() if k not in Shape._fields}
    return last | ({"rounds": rounds} if len(rounds) > 1 else {})


def _cut_vocabulary(
    folder: Path,
    texts: Callable[[], Iterator[tuple[str, str]]],
    settings: PruneSettings,
    out: Path,
    run: StageRun,
) -> None:
    """Leave a parent with fewer tokens in `out`, and say in the manifest what it saves."""
    assert settings.vocabulary is not None
    record = out.with_name("vocabulary.json")
    if not out.is_dir():
        note("prune: cutting the vocabulary")
        parts = load_causal_lm(folder), load_tokenizer(folder)
        model, tokenizer, figures = cut_vocabulary(
            *parts, texts, settings.vocabulary.coverage, settings.domains.leave_out
        )
        write_json(record, figures)
        save_causal_lm(out, model, tokenizer)
    run.figures.update(json.loads(record.read_text(encoding="utf-8")))


def _describe(name: str, config: Any, shape: Shape, figures: dict[str, Any]) -> None:
    body, whole = parameters(child_config(config, shape, range(shape.layers)))
    figures[f"parameters_{name}"] = whole
    figures[f"parameters_{name}_without_embeddings"] = body
    note(f"prune: {name} {shape._asdict()}: {body:,} parameters + {whole - body:,} embeddings")
