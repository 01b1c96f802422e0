"""The stage: parent + passages → `out/model`, a smaller causal LM that plain transformers loads."""

import json
import shutil
from pathlib import Path
from typing import Any

from transformers import AutoConfig

from drama.console import note, warn
from drama.models import resolve
from drama.prune.domains import Domain, held_out_losses, mean_loss, perplexities
from drama.prune.load import load_causal_lm, load_tokenizer, save_causal_lm
from drama.prune.round import Round, Texts, run_round
from drama.prune.settings import DomainSettings, PruneSettings, VocabularySettings
from drama.prune.shape import Shape, child_config, parameters, parent_shape
from drama.prune.target import planned_rounds
from drama.prune.texts import calibration_batches, domain_rows
from drama.prune.vocabulary import cut_vocabulary
from drama.records import read_passages
from drama.workspace import Manifest, StageRun, open_stage, write_json


def prune(settings: PruneSettings, passages: Path, out: Path, seed: int = 0) -> Manifest:
    """Score, plan, slice and recover.

    Args:
        settings: the recipe's `prune` section.
        passages: texts for calibration, mask learning and recovery, Parquet.
        out: `model/`, `round-N/`, `events.jsonl` and the manifest go here.
        seed: of the choice and order of texts, and of masks.

    Raises:
        DramaError: a shape that can't be cut out of the parent, an unknown family, too little text, NaN loss.
    """
    folder = resolve(settings.parent)
    with open_stage(out, "prune", settings, {"parent": folder, "passages": passages}, seed) as run:
        if run.done:
            return run.manifest
        shapes = planned_rounds(settings)
        documents = list(read_passages(passages))
        strings = [d.full_text for d in documents]
        config = AutoConfig.from_pretrained(folder)
        _describe("parent", config, parent_shape(config), run.figures)
        parent = folder
        if settings.vocabulary is not None:
            parent = out / "parent"
            _cut_vocabulary(folder, strings, settings.vocabulary, parent, run)
        tokenizer = load_tokenizer(parent)
        config = AutoConfig.from_pretrained(parent)
        _describe("pruned", config, shapes[-1], run.figures)
        domains, left_out = domain_rows(
            documents, tokenizer, settings.domains.by, settings.recovery.max_length, seed
        )
        for name, count in left_out.items():
            warn(f"prune: {settings.domains.by} '{name}' has too little text for two rows: left out")
            run.count(f"texts: {name} has too little for two rows, left out", count)
        references = _references(out / "references.json", parent, domains, settings.domains, run.figures)
        texts = Texts(
            domains,
            references,
            lambda: calibration_batches(strings, tokenizer, settings.calibration, seed),
        )
        source = parent
        for number, shape in enumerate(shapes, 1):
            folder = out / f"round-{number}"
            folder.mkdir(exist_ok=True)
            result = out / "model" if number == len(shapes) else folder / "model"
            this = Round(number, shape, folder, result)
            run_round(this, source, parent, tokenizer, texts, settings, seed)
            source = result
        run.figures.update(_figures(out, shapes))
        tokens = len(shapes) * settings.recovery.max_length
        if settings.method == "shearing":
            learning = settings.shearing
            run.figures["learning_tokens"] = learning.steps * learning.batch_size * tokens
        if settings.recovery.steps:
            run.figures["recovery_tokens"] = settings.recovery.steps * settings.recovery.batch_size * tokens
        for scratch in (out / "parent", *out.glob("round-*/sliced"), *out.glob("round-*/recovery")):
            shutil.rmtree(scratch, ignore_errors=True)
        for between in out.glob("round-*/model"):
            shutil.rmtree(between)
        run.count("texts", len(strings) - sum(left_out.values()))
    return run.manifest


def _references(
    path: Path, parent: Path, domains: list[Domain], settings: DomainSettings, figures: dict[str, Any]
) -> dict[str, float]:
    """The parent's losses on the rows by which shares change; on all held-out rows, for the manifest."""
    if not path.is_file():
        model = load_causal_lm(parent)
        probes = [d._replace(held_out_RL=d.held_out_RL[: settings.held_out_rows]) for d in domains]
        found = {"all": held_out_losses(model, domains), "probes": held_out_losses(model, probes)}
        write_json(path, found)
    losses: dict[str, dict[str, float]] = json.loads(path.read_text(encoding="utf-8"))
    figures["held_out_loss_parent"] = round(mean_loss(losses["all"], domains), 4)
    figures["perplexity_parent"] = perplexities(losses["all"])
    return losses["probes"]


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
    folder: Path, strings: list[str], settings: VocabularySettings, out: Path, run: StageRun
) -> None:
    """Leave a parent with fewer tokens in `out`, and say in the manifest what it saves."""
    record = out.with_name("vocabulary.json")
    if not out.is_dir():
        note("prune: cutting the vocabulary")
        parts = load_causal_lm(folder), load_tokenizer(folder)
        model, tokenizer, figures = cut_vocabulary(*parts, strings, settings.coverage)
        write_json(record, figures)
        save_causal_lm(out, model, tokenizer)
    run.figures.update(json.loads(record.read_text(encoding="utf-8")))


def _describe(name: str, config: Any, shape: Shape, figures: dict[str, Any]) -> None:
    body, whole = parameters(child_config(config, shape, range(shape.layers)))
    figures[f"parameters_{name}"] = whole
    figures[f"parameters_{name}_without_embeddings"] = body
    note(f"prune: {name} {shape._asdict()}: {body:,} parameters + {whole - body:,} embeddings")
