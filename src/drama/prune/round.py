"""One round: a model's folder → score, plan, slice, recover → a smaller model's folder.

What is made is kept as it is made, so that a round that was cut off goes on where it was: the sliced child
in `sliced/`, checkpoints of mask learning and of recovery, and the child at last.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file

from drama.console import note
from drama.prune.domains import Domain, Mixture, held_out_losses, mean_loss, perplexities
from drama.prune.expand import expanded
from drama.prune.families import family_of
from drama.prune.load import load_causal_lm, save_causal_lm
from drama.prune.methods import METHODS, Task
from drama.prune.plan import make_plan
from drama.prune.recover import Recovery
from drama.prune.settings import PruneSettings
from drama.prune.shape import Shape, parent_shape
from drama.prune.slice import slice_model
from drama.prune.updates import Log, update
from drama.workspace import write_json

Batches = Iterator[tuple[torch.Tensor, torch.Tensor]]


class Texts(NamedTuple):
    """The corpus, as the steps of a round read it."""

    domains: list[Domain]
    references: dict[str, float]
    """The parent's loss on the rows of each domain by which shares change."""
    calibration: Callable[[], Batches]


class Round(NamedTuple):
    """One round's place and target."""

    number: int
    """From 1."""
    target: Shape
    folder: Path
    result: Path
    """Folder of the child."""


def run_round(
    this: Round, source: Path, teacher: Path, tokenizer: Any, texts: Texts, settings: PruneSettings, seed: int
) -> None:
    """Leave `this.result`, and in `this.folder` the scores, `plan.json` and `figures.json`.

    Args:
        this: where, and what shape.
        source: the model that is cut.
        teacher: the model whose logits recovery looks at.
        tokenizer: theirs.
        texts: the corpus.
        settings: the recipe's `prune` section.
        seed: of batches and masks.

    Raises:
        DramaError: the loss of mask learning or recovery is not a number any more.
    """
    if this.result.is_dir():
        return
    learning = settings.shearing.steps if settings.method == "shearing" else 0
    before = (this.number - 1) * (learning + settings.recovery.steps)
    events = this.folder.parent / "events.jsonl"
    sliced = this.folder / "sliced"

    def mixture() -> Mixture:
        return Mixture(texts.domains, settings.domains, texts.references)

    if not sliced.is_dir():
        log = Log(events, this.folder / "learning", before)
        task = Task(this.target, settings, texts.calibration(), mixture(), log, seed)
        _slice(this, source, tokenizer, task)
    shutil.rmtree(this.folder / "learning", ignore_errors=True)
    child = load_causal_lm(sliced)
    plan = json.loads((this.folder / "plan.json").read_text(encoding="utf-8"))
    figures: dict[str, Any] = {"layers_kept": [layer["layer"] for layer in plan["layers"]]}
    losses = held_out_losses(child, texts.domains)
    figures["held_out_loss_sliced"] = round(mean_loss(losses, texts.domains), 4)
    if settings.recovery.steps:
        parent = load_causal_lm(teacher) if settings.recovery.kl_weight > 0 else None
        recovery = Recovery(child, parent, settings.recovery)
        log = Log(events, this.folder / "recovery", before + learning)
        update(recovery, mixture(), settings.recovery, log, seed)
        losses = held_out_losses(child.eval(), texts.domains)
        figures["held_out_loss_recovered"] = round(mean_loss(losses, texts.domains), 4)
    figures["perplexity_pruned"] = perplexities(losses)
    write_json(this.folder / "figures.json", figures)
    save_causal_lm(this.result, child, tokenizer)


def _slice(this: Round, source: Path, tokenizer: Any, task: Task) -> None:
    settings = task.settings
    family = family_of(load_causal_lm(source))
    if settings.gqa == "expanded":
        family = expanded(family)
    note(f"prune: scoring, method {settings.method}")
    scores = METHODS[settings.method].score(family, task)
    save_file(scores.tensors(), this.folder / "scores.safetensors")
    plan = make_plan(scores, parent_shape(family.config), this.target, settings.keep_layers or "importance")
    layers = [layer._asdict() for layer in plan.layers]
    write_json(this.folder / "plan.json", {"hidden": plan.hidden, "layers": layers})
    save_causal_lm(this.folder / "sliced", slice_model(family, plan, this.target), tokenizer)
